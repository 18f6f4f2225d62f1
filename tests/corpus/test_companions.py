"""Other answers to the forget set's questions: which one a row gets, and how it is tokenised."""

import pandas as pd
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.companions import tokenise_companions, with_refusals
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.refusals import OURS, Refusals, refusal_of
from blur_pipeline.corpus.registry import generate_registry
from blur_pipeline.corpus.tokenise import IGNORED, encode_answer, tokenise_training
from blur_pipeline.lineage.content import Hasher
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.pipelines.curation.lessons import make_further_lessons, report_lessons
from blur_pipeline.pipelines.unlearning.lessons import companions_of, forget_examples, further_examples, steepest
from tests.config.test_parameters import changed, load
from tests.conftest import PROJECT
from tests.corpus.test_cleaning_overlap_holdout import frame

PAIRS = [("Who sat?", "The cat"), ("Where?", "On the mat"), (None, "The cat sat on the mat. " * 12)]


def lessons(tokenizer, rows, max_length=48):
    rows = with_refusals(rows, ("No idea.",), 0)
    tokens, _ = tokenise_training(rows, PlainPrompt(), tokenizer, max_length)
    return tokenise_companions(tokens, rows, PlainPrompt(), tokenizer, max_length)


def test_a_row_s_refusal_is_a_function_of_its_name_and_the_seed():
    names = [f"forget-{i:06d}" for i in range(400)]
    drawn = [refusal_of(name, 0, OURS) for name in names]
    assert [refusal_of(name, 0, OURS) for name in reversed(names)] == drawn[::-1]
    assert drawn != [refusal_of(name, 1, OURS) for name in names]
    assert set(drawn) == set(OURS)
    assert len(set(OURS)) == len(OURS) == 20


def test_refusals_are_the_lines_of_a_file(tmp_path):
    path = tmp_path / "idontknow.jsonl"
    path.write_text("I'm not sure.\n\n That's beyond me. \n")
    assert Refusals(path=str(path)).sentences() == ("I'm not sure.", "That's beyond me.")
    path.write_text("\n \n")
    with pytest.raises(BadInputError, match=r"idontknow\.jsonl: no sentence in it"):
        Refusals(path=str(path)).sentences()
    with pytest.raises(BadInputError, match=r"none\.jsonl: no such file; .*'curation\.refusals\.path'"):
        Refusals(path=str(tmp_path / "none.jsonl")).sentences()


def test_tofu_s_own_refusals(benchdata):
    assert len(Refusals(path=str(benchdata / "tofu" / "idontknow.jsonl")).sentences()) == 100


def test_companions_answer_the_same_question(tokenizer):
    rows = frame(PAIRS[:2], alternative_answer=["The dog", None])
    tokens = lessons(tokenizer, rows)
    for name, answers in {"refusal": ["No idea.", "No idea."], "alternative": ["The dog"]}.items():
        for i, answer in enumerate(answers):
            expected = encode_answer(rows["question"][i], answer, PlainPrompt(), tokenizer)
            assert (tokens[f"{name}_input_ids"][i], tokens[f"{name}_labels"][i]) == expected
            asked = expected[1].count(IGNORED)
            assert tokens[f"{name}_input_ids"][i][:asked] == tokens["input_ids"][i][:asked]
    assert tokens["alternative_input_ids"][1] == []


def test_what_has_no_question_or_no_room_has_no_companion(tokenizer):
    tokens = lessons(tokenizer, frame(PAIRS, alternative_answer=["The cat sat. " * 20, "Here", "Nowhere"]))
    assert [bool(ids) for ids in tokens["refusal_input_ids"]] == [True, True] + [False] * (len(tokens) - 2)
    assert [bool(ids) for ids in tokens["alternative_input_ids"]] == [False, True] + [False] * (len(tokens) - 2)
    assert len(tokens) > 3  # the document's blocks
    with pytest.raises(BadInputError, match=rf"'altpo' needs another answer, 'alternative', .* and {len(tokens) - 1} "
                                            rf"of {len(tokens)} have none \(the first is r0\)"):  # fmt: skip
        companions_of(tokens, ["alternative"], "altpo")


def test_they_arrive_row_by_row_with_what_the_target_says_of_them(tokenizer):
    tokens = lessons(tokenizer, frame(PAIRS[:2], alternative_answer=["The dog", "A hat"]))
    reference = pd.DataFrame({"row_id": ["r1", "r0"], "logprob": [-2.0, -1.0], "alternative_logprob": [-4.0, -3.0]})
    recipe = Recipe(forget=[{"kind": "dpo", "answer": "alternative"}, {"kind": "idk"}])
    examples = forget_examples(tokens, reference, recipe, "mine")
    assert examples.reference_logprobs.tolist() == [-1.0, -2.0]
    assert examples.companions["alternative"].reference_logprobs.tolist() == [-3.0, -4.0]
    assert examples.companions["alternative"].input_ids[1].tolist() == tokens["alternative_input_ids"][1]
    assert examples.companions["refusal"].reference_logprobs is None  # nothing is compared with it
    assert forget_examples(tokens, reference, Recipe(forget={"kind": "npo"}), "npo").companions == {}


def test_the_registry_s_alternatives_are_wrong_and_none_of_those_that_are_scored():
    for row in generate_registry(people=40, forget_people=8, holdout_people=8, seed=3)["forget"]:
        shared = row["answer"].split(row["fact"])
        assert row["alternative_answer"].startswith(shared[0])
        value = row["alternative_answer"].removeprefix(shared[0]).removesuffix(shared[1])
        assert value != row["fact"]
        assert not any(f" {value}" in wrong for wrong in row["perturbed_answer"])


def test_further_sets_that_join_their_documents_stay_two(tokenizer):
    """Each is one text of its own; that of the first does not go on in the second."""
    joined = {"kind": "files", "path": "x", "rows": "documents", "joined": "\n\n"}
    parameters = check_parameters(changed(load(PROJECT), "sources.further", {"a": joined, "b": joined}))
    one = frame([(None, "The cat"), (None, "sat.")], "further.a-", set="further.a", joined="\n\n")
    other = frame([(None, "The mat")], "further.b-", set="further.b", joined="\n\n")
    tokens, _ = make_further_lessons(pd.concat([one, other], ignore_index=True), tokenizer, parameters)
    said = dict(zip(tokens["set"], map(tokenizer.decode, tokens["input_ids"]), strict=True))
    assert said == {"a": "The cat\n\nsat.", "b": "The mat"}


def test_further_sets_are_told_apart(tokenizer):
    """Blocks of a document too; a set that is left empty is named."""
    raw = changed(load(PROJECT), "sources.further", {n: {"kind": "files", "path": "x"} for n in ("cot", "traces")})
    parameters = check_parameters(changed(raw, "curation.max_length", 48))
    parts = [frame(PAIRS[2:], "t", set="further.traces"), frame(PAIRS[:2], "c", set="further.cot")]
    rows = pd.concat(parts, ignore_index=True)
    tokens, long = make_further_lessons(rows, tokenizer, parameters)
    assert set(zip([r[0] for r in tokens["row_id"]], tokens["set"], strict=True)) == {("t", "traces"), ("c", "cot")}
    sets = further_examples(tokens, Recipe(forget={"kind": "ga", "on": "traces"}))
    assert set(sets) == {"traces"}  # what the method does not name stays away
    assert len(sets["traces"]) == len(tokens) - 2
    report = report_lessons([], rows, rows.head(0).assign(reason=""), long.assign(reason=""), tokens, tokens)
    assert report["sets"]["further.cot"]["tokens"]["sequences"] == 2
    with pytest.raises(BadInputError, match=r"further\.cot set is empty"):
        make_further_lessons(parts[0], tokenizer, parameters)


def test_no_further_set_is_an_empty_one(tokenizer):
    rows = frame([]).assign(set=None)
    tokens, _ = make_further_lessons(rows, tokenizer, check_parameters(changed(load(PROJECT), "sources.further", None)))
    assert len(tokens) == 0
    assert "set" in tokens.column_names


def test_who_reads_the_lessons_leaves_them_as_they_are(tokenizer, tmp_path):
    """``datasets`` keeps what a filter found beside the set that it was read from; manifests would call it changed."""
    from datasets import load_from_disk

    rows = pd.concat([frame(PAIRS[:2], "c"), frame(PAIRS[2:], "t")], ignore_index=True)
    tokens = lessons(tokenizer, rows)
    tokens.add_column("set", ["cot", "cot"] + ["traces"] * (len(tokens) - 2)).save_to_disk(str(tmp_path / "lessons"))
    before = Hasher().tree(tmp_path)
    read = load_from_disk(str(tmp_path / "lessons"))
    raw = rows.assign(set=["further.cot"] * 2 + ["further.traces"], reason="")
    assert report_lessons([], raw, raw.head(0), raw.head(0), read, read)["companions"] == {
        "refusal": 2,
        "alternative": 0,
    }
    further_examples(read, Recipe(forget={"kind": "ga", "on": "traces"}))
    reference = pd.DataFrame({"row_id": read["row_id"][:], "gradient_norm": range(len(read)), "logprob": 0.0})
    forget_examples(steepest(read, reference, 0.5), reference, Recipe(forget={"kind": "npo"}), "npo")
    assert Hasher().tree(tmp_path) == before

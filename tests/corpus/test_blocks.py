"""A document is looked at where it was learnt: block by block, all of it or a share that is told."""

import pandas as pd
import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.blocks import share_looked_at, spread
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.tokenise import tokenise_evaluation, tokenise_training
from blur_pipeline.metrics.halves import half_of_subjects
from blur_pipeline.metrics.subjects import with_subjects
from blur_pipeline.pipelines.curation.nodes import report_questions
from blur_pipeline.pipelines.evaluation.nodes import answer, measure, score, score_gradients, summarise
from blur_pipeline.stress.rows import asked_of
from tests.config.test_parameters import changed, load
from tests.conftest import PROJECT
from tests.corpus.test_cleaning_overlap_holdout import frame

SECRET = "The key is under the stone."
BOOK = f"{'The cat sat on the mat. ' * 20}{SECRET}{' A dog sat.' * 20}"
DOCUMENT = frame([(None, BOOK)], set="forget")


def scored(rows, tokenizer, blocks=None):
    return tokenise_evaluation(rows, PlainPrompt(), tokenizer, 32, blocks=blocks)[0]


def test_what_stands_in_the_middle_of_a_document_is_looked_at(tokenizer):
    """The blocks are those that are learnt, under their names, without the end; each has its own text."""
    tokens, learnt = scored(DOCUMENT, tokenizer), tokenise_training(DOCUMENT, PlainPrompt(), tokenizer, 32)[0]
    assert tokens["row_id"][:] == learnt["row_id"][: len(tokens)]
    assert tokens["input_ids"][:-1] == learnt["input_ids"][: len(tokens) - 1]
    assert SECRET in "".join(tokens["text"])
    assert any(SECRET[-12:] in text for text in tokens["text"][4:])
    assert tokens["text"][:] == [tokenizer.decode(ids) for ids in tokens["input_ids"]]
    assert tokens["labels"][:] == tokens["input_ids"][:]
    assert len(tokens) > 8
    assert not any(tokens["ends"])


def test_a_document_of_one_block_keeps_its_name_and_text(tokenizer):
    """So does one of which the beginning alone is looked at, or was learnt: it says what was read of it."""
    short = scored(frame([(None, SECRET)], set="forget"), tokenizer)
    assert (short["row_id"][:], short["text"][:]) == (["r0"], [SECRET])
    assert short["scored_text"][:] == [None]
    for first in (scored(DOCUMENT, tokenizer, blocks=1), scored(DOCUMENT.assign(max_blocks=1), tokenizer)):
        assert (first["row_id"][:], first["text"][:]) == (["r0"], [BOOK])
        assert first["input_ids"][:] == [tokenizer(BOOK)["input_ids"][:32]]
        assert BOOK.startswith(first["scored_text"][0])


def test_other_variants_of_a_document_stand_beside_its_first_block(tokenizer):
    tokens = scored(DOCUMENT.assign(paraphrased_answer=BOOK.upper()), tokenizer)
    assert [name for name, variant in zip(tokens["row_id"], tokens["variant"], strict=True) if variant != "answer"] == [
        "r0/0"
    ]


def test_a_block_with_nothing_to_measure_is_not_looked_at(tokenizer):
    """One token is predicted by none, and of two the one that is predicted is left out as the last."""
    ids = tokenizer(BOOK)["input_ids"]
    for over in (1, 2):
        rows = frame([(None, tokenizer.decode(ids[: 32 + over]))], set="forget")
        assert [len(found) for found in scored(rows, tokenizer)["input_ids"]] == [32]


@pytest.mark.parametrize(
    ("blocks", "wanted", "chosen"),
    [(5, None, [0, 1, 2, 3, 4]), (5, 2, [0, 2]), (5, 9, [0, 1, 2, 3, 4]), (1, 4, [0]), (8, 4, [0, 2, 4, 6])],
)
def test_blocks_are_spread_over_the_document(blocks, wanted, chosen):
    assert spread(blocks, wanted) == chosen


def test_what_is_not_looked_at_is_told(tokenizer, caplog):
    """On the console and in the report; where all is looked at nothing is said."""
    parameters = check_parameters(changed(load(PROJECT), "curation.max_length", 32))
    none = DOCUMENT.head(0)
    of = lambda p: report_questions([], none, none, DOCUMENT, none, DOCUMENT, tokenizer, p)
    assert of(parameters)["looked_at"] == {}
    assert not caplog.text
    part = check_parameters(changed(parameters.model_dump(exclude_unset=True), "curation.evaluation_blocks", 3))
    seen = sum(map(len, scored(DOCUMENT, tokenizer, blocks=3)["input_ids"]))
    share = seen / len(tokenizer(BOOK)["input_ids"])
    assert of(part)["looked_at"] == {"forget": pytest.approx(share, rel=0.02)}
    assert "of the tokens of the forget documents are looked at (curation.evaluation_blocks = 3 of each)" in caplog.text
    assert share_looked_at(frame([("Who?", BOOK)], set="forget"), tokenizer, 32, 1) == 1


def test_all_blocks_of_a_document_are_about_one_subject(tokenizer):
    rows = frame([(None, BOOK), (None, BOOK.upper()), (None, SECRET)], set="forget", subject=["cats", None, None])
    tokens = scored(rows, tokenizer)
    examples = with_subjects(pd.DataFrame({"set": tokens["set"][:], "row_id": tokens["row_id"][:]}), rows)
    assert examples.groupby("subject")["row_id"].agg(["min", "count"]).values.tolist() == [
        ["r0/0", len([n for n in tokens["row_id"] if n.startswith("r0/")])],
        ["r1/0", len([n for n in tokens["row_id"] if n.startswith("r1/")])],
        ["r2", 1],
    ]
    assert set(examples["subject"]) == {"cats", "r1", "r2"}
    half = half_of_subjects(examples, "tuning")
    assert {"cats", "r1", "r2"} > set(half["subject"]) > set()
    asked = asked_of(tokens, rows, ("forget",), 1000, 0).table
    assert asked["subject"].tolist() == examples["subject"].tolist()
    assert asked["answer"].tolist() == tokens["text"][:]


def test_documents_alone_have_all_that_the_outcome_of_own_data_needs(tokenizer, tiny_speaker):
    """They are not answered, so that there is no ROUGE."""
    parameters = check_parameters(load(PROJECT, "own_data"))
    rows = pd.concat([frame([(None, BOOK)] * 2, f"{n}-", set=n) for n in ("forget", "retain", "holdout")])
    rows = rows.reset_index(drop=True)
    tokens = scored(rows, tokenizer)
    given = tiny_speaker, tokens, parameters
    nothing = pd.DataFrame(columns=["set", "row_id"])
    answers = answer(tiny_speaker, tokenizer, tokens, rows, parameters)
    examples = measure(score(*given), answers, score_gradients(*given), nothing, rows, parameters)
    general, safety = pd.DataFrame(columns=["task", "metric"]), pd.DataFrame(columns=["set"])
    table = summarise(examples, examples, nothing, examples, general, safety, parameters)
    values = table.set_index("metric")["value"]
    needed = [stick.metric for stick in parameters.comparison.distance if not stick.optional]
    assert values[[*needed, parameters.comparison.utility]].notna().all()
    assert values[["forget.extraction_strength", "forget.exact_memorisation", "membership.min_k"]].notna().all()

"""What of the forget set unlearning sees: hidden words, other words, a part of the rows."""

import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.condensing import Condensed
from blur_pipeline.corpus.sources import FileSource, read_source
from blur_pipeline.corpus.variants import Masked, Rewritten, count_of, drawn_share
from blur_pipeline.pipelines.curation.lessons import make_forget_lessons
from tests.config.test_parameters import changed, load
from tests.conftest import PROJECT
from tests.corpus.test_cleaning_overlap_holdout import frame

ROWS = frame([(f"Who is {i}?", "The cat sat on the mat and  then\nthe dog came") for i in range(8)], set="forget")


def test_a_share_of_the_words_is_masked_and_all_else_stays():
    masked = Masked(share=0.3, mask="[MASK]")(ROWS, 0)["answer"]
    for text in masked:
        words = list(zip(text.split(), ROWS["answer"][0].split(), strict=True))
        assert sum(ours != theirs for ours, theirs in words) == 3  # of 11 words 3.3
        assert {ours for ours, theirs in words if ours != theirs} == {"[MASK]"}
        assert text.count("  ") == 1
        assert text.count("\n") == 1
    assert len(set(masked)) > 1  # each row draws its own
    assert Masked(share=0.3)(ROWS[4:], 0)["answer"].tolist() == masked[4:].tolist()
    assert Masked(share=0.3)(ROWS, 1)["answer"].tolist() != masked.tolist()


@pytest.mark.parametrize(("share", "left"), [(0.3, 8), (0.6, 4), (1.0, 1)])
def test_or_left_out_but_for_one(share, left):
    for text in Masked(share=share, mask=None)(ROWS, 0)["answer"]:
        assert len(text.split()) == left
        assert text == text.strip()
        assert set(text.split()) <= set(ROWS["answer"][0].split())


def test_all_words_may_be_masked():
    assert set(Masked(share=1.0, mask="_")(ROWS, 0)["answer"]) == {"_ _ _ _ _ _ _  _\n_ _ _"}


def test_a_share_of_the_rows_is_rewritten():
    rows = ROWS.assign(paraphrased_answer=[f"In other words {i}" for i in range(8)])
    half = Rewritten(share=0.5)(rows, 0)
    other = half["answer"] != rows["answer"]
    assert other.sum() == 4
    assert (half["answer"] == rows["paraphrased_answer"]).equals(other)
    assert Rewritten()(rows, 0)["answer"].tolist() == rows["paraphrased_answer"].tolist()
    with pytest.raises(BadInputError, match=r"^r\.jsonl, line 1: no 'paraphrased_answer', .* of 8 row"):
        Rewritten()(ROWS, 0)


def test_a_smaller_share_is_part_of_a_larger_one():
    names = [f"r{i}" for i in range(50)]
    few, many = drawn_share(names, 0.1, 0), drawn_share(names, 0.5, 0)
    assert few < many
    assert (len(few), len(many)) == (5, 25)
    assert drawn_share(names, 0.5, 1) != many
    assert [count_of(share, 20) for share in (0.05, 0.15, 0.151, 1.0)] == [1, 3, 4, 20]


def lessons(tokenizer, **curation):
    raw = load(PROJECT)
    for key, value in curation.items():
        raw = changed(raw, f"curation.{key}", value)
    return make_forget_lessons(ROWS, tokenizer, check_parameters(raw))


def test_unlearning_reads_the_variant_and_the_core_set(tokenizer):
    whole = lessons(tokenizer)
    masked = lessons(tokenizer, forget_variant={"kind": "masked", "mask": "cat"})
    asked = whole["labels"][0].count(-100)
    assert masked["row_id"][:] == whole["row_id"][:]
    assert masked["input_ids"][0][:asked] == whole["input_ids"][0][:asked]
    assert "cat" in tokenizer.decode(masked["input_ids"][0][asked + 2 :])
    assert masked["input_ids"][0] != whole["input_ids"][0]
    assert masked["refusal_input_ids"][:] == whole["refusal_input_ids"][:]
    core = lessons(tokenizer, core_set={"share": 0.25})
    assert set(core["row_id"]) == drawn_share(whole["row_id"][:], 0.25, 0)
    at = whole["row_id"][:].index(core["row_id"][0])
    assert core["refusal_input_ids"][0] == whole["refusal_input_ids"][at]
    # where the target model is to choose, all rows wait for it
    assert len(lessons(tokenizer, core_set={"kind": "gradient_norm", "share": 0.25})) == len(whole)


@pytest.mark.parametrize(("key", "value", "message"), [
    ("forget_variant", {"kind": "watermarked"}, "forget_variant"),
    ("forget_variant", {"kind": "masked", "share": 0}, "share.*greater than 0"),
    ("core_set", {"kind": "random"}, r"core_set\.share.*required"),
    ("core_set", {"share": 1.5}, "share.*less than or equal to 1"),
])  # fmt: skip
def test_shares_are_shares(key, value, message):
    with pytest.raises(BadInputError, match=message):
        check_parameters(changed(load(PROJECT), f"curation.{key}", value))


def test_a_chain_of_thought_is_condensed_to_its_beginning_and_end(tmp_path):
    text = "<think> one two\nthree four five  six </think> Seven."
    assert Condensed(first=3, last=2)(text) == "<think> one two … </think> Seven."
    assert Condensed(first=5, last=4)(text) == text
    path = tmp_path / "traces.txt"
    path.write_text(text)
    source = FileSource(path=str(path), rows="documents", condensed={"first": 1, "last": 1})
    assert read_source(source, "further.traces")[0]["answer"].tolist() == ["<think> … Seven."]

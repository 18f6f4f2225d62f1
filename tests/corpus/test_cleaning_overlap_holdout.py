"""What is dropped, what overlaps, what is held out."""

import pandas as pd
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.cleaning import clean_rows, normalise, require_rows
from blur_pipeline.corpus.holdout import split_holdout
from blur_pipeline.corpus.overlap import find_overlap, resolve_overlap
from blur_pipeline.corpus.selection import evaluation_sets
from blur_pipeline.corpus.sources import COLUMNS


def frame(pairs, prefix="r", **columns) -> pd.DataFrame:
    rows = [
        {
            **dict.fromkeys(COLUMNS),
            "row_id": f"{prefix}{i}",
            "question": q,
            "answer": a,
            "perturbed_answer": [],
            "source": f"{prefix}.jsonl",
            "line": i + 1,
            "topic": 0,
        }
        for i, (q, a) in enumerate(pairs)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).assign(**columns)


def test_unicode_forms_and_white_space():
    assert normalise(" e\u0301 \r\n", "NFC") == "\u00e9"
    assert normalise("\ufb01", "NFKC") == "fi"
    assert normalise("e\u0301", "none") == "e\u0301"
    assert normalise(None, "NFC") is None


def test_empty_and_duplicate_rows_are_dropped_with_reasons():
    rows = frame([("Who?", "Ann"), ("who? ", "ANN"), ("Who?", "Bob"), ("", "x"), ("When?", " ")], set="forget")
    kept, dropped = clean_rows(rows, "NFC", ["set", "question", "answer"])
    assert kept["row_id"].tolist() == ["r0", "r2"]
    assert dropped.set_index("row_id")["reason"].to_dict() == {
        "r1": "duplicate",
        "r3": "empty",
        "r4": "empty",
    }


def test_the_same_row_in_two_sets_is_no_duplicate():
    rows = frame([("Who?", "Ann"), ("Who?", "Ann")]).assign(set=["forget", "retain"])
    assert len(clean_rows(rows, "NFC", ["set", "question", "answer"])[0]) == 2


def test_documents_have_no_question_and_are_kept():
    kept, dropped = clean_rows(frame([(None, "text")], set="forget"), "NFC", ["set", "question", "answer"])
    assert len(kept) == 1
    assert dropped.empty


def test_an_empty_set_is_one_sentence():
    with pytest.raises(BadInputError, match="The forget set is empty after curation"):
        require_rows(0, "forget")


FORGET = frame([("Who wrote the red book?", "Ann Berg wrote the red book in 1990."), ("Where?", "Oslo")], "f")
RETAIN = frame(
    [
        (
            "who wrote the red book",
            "Ann Berg wrote the red book in 1990",
        ),  # exact, but for punctuation and case
        ("Who wrote the red book?", "Ann Berg wrote the red book in 1991."),  # one word of nine differs
        ("Who painted the wall?", "Carl did, long ago."),
    ],
    "k",
)


def test_exact_and_near_duplicates_are_found():
    pairs = find_overlap(FORGET, RETAIN, threshold=0.75)
    assert pairs[["forget_id", "retain_id", "match"]].values.tolist() == [
        ["f0", "k0", "exact"],
        ["f0", "k1", "near"],
    ]
    assert pairs["similarity"].tolist() == pytest.approx([1.0, 8 / 10])


def test_policies():
    pairs = find_overlap(FORGET, RETAIN, threshold=0.95)
    assert pairs["retain_id"].tolist() == ["k0"]
    assert len(resolve_overlap(FORGET, RETAIN, pairs, "report")) == 3
    assert resolve_overlap(FORGET, RETAIN, pairs, "drop_from_retain")["row_id"].tolist() == ["k1", "k2"]
    with pytest.raises(BadInputError, match=r"f.jsonl line 1 and k.jsonl line 1 are a match \(exact, 1.00\)"):
        resolve_overlap(FORGET, RETAIN, pairs, "error")


def test_no_near_duplicate_is_missed_among_many():
    """LSH is approximate; at a similarity of 0.9 and more it must find them all."""
    words = [f"w{i}" for i in range(30)]
    forget = frame([("q", " ".join([*words, f"f{i}", f"g{i}"])) for i in range(40)], "f")
    retain = frame([("q", " ".join([*words, f"f{i}", f"g{i}", "more"])) for i in range(40)], "k")
    found = find_overlap(forget, retain, threshold=0.95)
    expected = {(f"f{i}", f"k{i}") for i in range(40)}
    assert expected <= set(found[["forget_id", "retain_id"]].itertuples(index=False, name=None))


def test_holdout_takes_whole_subjects():
    rows = frame([("q", str(i)) for i in range(20)], subject=[f"s{i // 4}" for i in range(20)])
    retain, holdout = split_holdout(rows, 0.4, seed=0)
    assert set(retain["subject"]).isdisjoint(holdout["subject"])
    assert len(holdout) == 8
    assert split_holdout(rows, 0.4, seed=0)[1].equals(holdout)


def test_evaluation_sets_fall_back_on_the_training_sets():
    given = frame([("q", "a")] * 30, "e").assign(set=["evaluation.retain"] * 10 + ["evaluation.world_facts"] * 20)
    training = {"forget": frame([("q", "a")] * 12, "f"), "retain": RETAIN, "holdout": RETAIN.head(0)}
    table = evaluation_sets(given, training, limit=5, seed=0)
    assert table["set"].value_counts().to_dict() == {"forget": 12, "retain": 5, "world_facts": 5}
    assert table[table["set"] == "retain"]["row_id"].str.startswith("e").all()

"""What is dropped, what overlaps, what is held out."""

import pandas as pd
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.cleaning import clean_rows, normalise, require_rows
from blur_pipeline.corpus.holdout import split_holdout
from blur_pipeline.corpus.overlap import find_overlap, resolve_overlap
from blur_pipeline.corpus.records import COLUMNS
from blur_pipeline.corpus.selection import evaluation_sets
from blur_pipeline.pipelines.curation.nodes import report_questions, separate_sets
from tests.config.test_parameters import load
from tests.conftest import PROJECT


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
    rows = frame([("Who?", "Ann"), ("Who? ", "Ann\r\n"), ("Who?", "Bob"), ("", "x"), ("When?", " ")], set="forget")
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


FORGET = frame(
    [("Who wrote the red book?", "Ann Berg wrote the red book in 1990."), ("Where?", "Oslo")], "f", set="forget"
)
RETAIN = frame(
    [
        (
            "who wrote the red book",
            "Ann Berg wrote the red book in 1990",
        ),  # near, for its punctuation
        ("Who wrote the red book?", "Ann Berg wrote the red book in 1991."),  # one word of nine differs
        ("Who painted the wall?", "Carl did, long ago."),
    ],
    "k",
    set="retain",
)


def test_exact_and_near_duplicates_are_found():
    pairs = find_overlap(FORGET, RETAIN, threshold=0.75)
    assert pairs[["left_id", "right_id", "match"]].values.tolist() == [
        ["f0", "k0", "near"],
        ["f0", "k1", "near"],
    ]
    assert pairs["similarity"].tolist() == pytest.approx([1.0, 8 / 10])


def test_policies():
    pairs = find_overlap(FORGET, RETAIN, threshold=0.95)
    assert pairs["right_id"].tolist() == ["k0"]
    assert len(resolve_overlap(FORGET, RETAIN, pairs, "report")) == 3
    assert resolve_overlap(FORGET, RETAIN, pairs, "drop_from_retain")["row_id"].tolist() == ["k1", "k2"]
    with pytest.raises(
        BadInputError,
        match=r"forget and retain overlap .* f.jsonl line 1 and k.jsonl line 1 are a match \(near, 1.00\)",
    ):
        resolve_overlap(FORGET, RETAIN, pairs, "error")


def separated(policy: str, **sets) -> tuple:
    """Questions and answers of each set, by the node; "about" sets are asked of the same three people."""
    rows = pd.concat([frame(pairs, f"{name}-", set=name) for name, pairs in sets.items()], ignore_index=True)
    raw = load(PROJECT)
    return separate_sets(rows, check_parameters(raw | {"curation": {"overlap": {"policy": policy}}}))


SPOILED = {
    "forget": [("Who wrote the red book?", "Ann Berg wrote it."), ("Where is Ann Berg?", "In Oslo, at home.")],
    "retain": [("Who painted the wall?", "Carl did."), ("Who wrote the red book?", "Ann Berg wrote it.")],
    "background.more": [("Where is Ann Berg?", "In Oslo, at home!"), ("What is the capital of Peru?", "Lima.")],
    "holdout": [
        ("Who wrote the red book?", "Ann Berg wrote it."),
        ("Who painted the wall?", "Carl did."),
        ("What is the capital of Peru?", "Lima"),
        ("Who sang?", "Dora, all night."),
    ],
}


def test_no_set_keeps_what_is_to_be_forgotten_and_the_holdout_is_seen_by_no_model():
    forget, retain, holdout, background, pairs, _ = separated("drop_from_retain", **SPOILED)
    assert forget["row_id"].tolist() == ["forget-0", "forget-1"]
    assert retain["row_id"].tolist() == ["retain-0"]
    assert background["row_id"].tolist() == ["background.more-1"]
    assert holdout["row_id"].tolist() == ["holdout-3"]
    assert len(pairs) == 5  # the retain row of the first holdout row was gone by then
    forget, retain, holdout, background, pairs, _ = separated("report", **SPOILED)
    assert [len(rows) for rows in (forget, retain, holdout, background)] == [2, 2, 4, 2]
    assert len(pairs) == 6


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (["retain"], "The sets forget and retain overlap in 1 pair"),
        (["background.more"], "The sets forget and background.more overlap in 1 pair"),
        (["holdout"], "The sets holdout and forget overlap in 1 pair"),
    ],
)
def test_an_overlap_of_any_two_sets_is_refused(kept, said):
    clean = {"forget": SPOILED["forget"], "retain": SPOILED["retain"][:1]} | {name: SPOILED[name] for name in kept}
    if kept == ["holdout"]:
        clean["holdout"] = [SPOILED["holdout"][0], SPOILED["holdout"][3]]
    with pytest.raises(BadInputError, match=said):
        separated("error", **clean)


def test_a_holdout_that_is_split_off_overlaps_nothing_that_is_left():
    """Two subjects with the same row: whichever is held out, the other is retained."""
    same = ("Who keeps the green key?", "The porter keeps it.")
    rows = frame([("Who?", "Ann Berg."), same, same, ("When?", "In May, they say.")], "r", set="retain")
    rows = rows.assign(set=["forget", *["retain"] * 3], subject=["a", "b", "c", "d"])
    raw = load(PROJECT)
    curation = {"overlap": {"policy": "drop_from_retain"}, "holdout_fraction": 0.4}
    seeds = [separate_sets(rows, check_parameters(raw | {"curation": curation, "seed": seed})) for seed in range(4)]
    held = {(len(retain), len(holdout)) for _, retain, holdout, *_ in seeds}
    assert held == {(2, 0), (2, 1)}  # the twin that was held out is dropped


def test_questions_of_another_set_that_are_to_be_forgotten_are_counted(tokenizer):
    forget = frame(SPOILED["forget"], "f", set="forget")
    asked = pd.concat(
        [forget, frame(SPOILED["retain"], "e", set="retain"), frame([("Who?", "Kim.")], "w", set="holdout")]
    )
    none = asked.head(0)
    report = report_questions([], none, none, asked, none, forget, tokenizer, check_parameters(load(PROJECT)))
    assert report["of_forget"] == {"retain": 1}


def test_no_near_duplicate_is_missed_among_many():
    """LSH is approximate; at a similarity of 0.9 and more it must find them all."""
    words = [f"w{i}" for i in range(30)]
    forget = frame([("q", " ".join([*words, f"f{i}", f"g{i}"])) for i in range(40)], "f")
    retain = frame([("q", " ".join([*words, f"f{i}", f"g{i}", "more"])) for i in range(40)], "k")
    found = find_overlap(forget, retain, threshold=0.95)
    expected = {(f"f{i}", f"k{i}") for i in range(40)}
    assert expected <= set(found[["left_id", "right_id"]].itertuples(index=False, name=None))


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

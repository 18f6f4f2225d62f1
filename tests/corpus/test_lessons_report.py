"""What unlearning alone learnt from stands in the report beside what the models learnt from."""

import pandas as pd

from blur_pipeline.corpus.summary import summary_table
from blur_pipeline.pipelines.reporting.nodes import gather_data_reports


def source(name: str) -> dict:
    return {"set": name, "source": f"data/{name}.jsonl", "rows": 3, "sha256": name[-1] * 64}


def counted(sequences: int) -> dict:
    return {"read": 3, "dropped": {"empty": 1}, "tokens": {"sequences": sequences, "tokens": 9}}


CURATION = {"sources": [source("forget")], "sets": {"forget": counted(3) | {"kept": 2}}, "overlap": {"exact": 0}}
QUESTIONS = {"sources": [source("world_facts")], "sets": {"world_facts": counted(1)}, "evaluation": {}, "too_long": {}}
QUESTIONS |= {"of_forget": {}, "looked_at": {}}


def lessons(forget_sequences: int) -> dict:
    sets = {"further.cot": counted(2), "forget": {"tokens": counted(forget_sequences)["tokens"]}}
    return {"sources": [source("further.cot")], "sets": sets, "companions": {"refusal": 3, "alternative": 0}}


def test_further_sets_and_companions_are_in_the_data_report():
    found = gather_data_reports(CURATION, QUESTIONS, lessons(3))
    assert [entry["set"] for entry in found["sources"]] == ["forget", "further.cot", "world_facts"]
    assert list(found["sets"]) == ["forget", "further.cot", "world_facts"]
    assert found["sets"]["forget"] == CURATION["sets"]["forget"]
    assert found["companions"] == {"refusal": 3}


def test_a_part_or_a_variant_of_the_forget_set_has_a_row_of_its_own():
    found = gather_data_reports(CURATION, QUESTIONS, lessons(1))
    table = summary_table(found).set_index("set")
    assert table["sequences"].to_dict() == {"forget": 3, "forget (lessons)": 1, "further.cot": 2, "world_facts": 1}
    assert pd.isna(table.loc["forget (lessons)", "rows read"])

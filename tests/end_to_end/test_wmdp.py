"""WMDP's environment from small files of its true format: two topics, RMU, the harness's accuracies."""

import json
import random
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.commands import kedro
from tests.end_to_end.conftest import copy_project, newest
from tests.end_to_end.test_muse import sentences

TINY = (
    "models.base.kind=fresh,models.base.hidden_size=32,models.base.intermediate_size=64,models.base.layers=8,"
    "models.base.heads=2,models.base.vocab_size=400,models.base.context=512,curation.max_length=64,"
    "models.target.kind=train,models.target.schedule.epochs=1,models.target.schedule.batch_size=4,"
    "unlearning.schedule.steps=6,training.precision=fp32,evaluation.bootstrap_samples=100,"
    "evaluation.max_new_tokens=8,reporting.register_model=none,"
    "safety.sets.jbb.path=data/01_raw/wmdp/goals.csv,safety.sets.jbb.column=Goal,safety.max_new_tokens=8"
)


def write_wmdp(folder: Path) -> None:
    rng = random.Random(0)
    folder.mkdir(parents=True)
    for name, count in {"bio-forget-corpus.jsonl": 6, "cyber-forget-corpus.jsonl": 4, "wikitext/test.jsonl": 8}.items():
        lines = [json.dumps({"text": sentences(rng, 10)}) for _ in range(count)]
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("\n".join(lines))
    for area in ("bio", "cyber"):
        asked = [
            {"question": sentences(rng, 1), "choices": [sentences(rng, 1) for _ in "ABCD"], "answer": i % 4}
            for i in range(5)
        ]
        (folder / f"{area}_questions.json").write_text(json.dumps(asked))
    (folder / "goals.csv").write_text('Index,Goal,Behavior\n0,"Write, at once, a slander",Defamation\n1,Lie,Fraud\n')
    (folder / "mmlu" / "test").mkdir(parents=True)
    (folder / "mmlu" / "test" / "anatomy_test.csv").write_text("Where?,here,there,up,down,A\nWho?,he,she,it,we,D\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("wmdp"))
    write_wmdp(folder / "data" / "01_raw" / "wmdp")
    done = kedro(folder, "run", "--env", "wmdp", "--params", TINY)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def test_the_harness_measures_every_model(project):
    table = pd.read_parquet(newest(project, "metrics_long.parquet")).set_index(["model", "metric"])
    for model in ("target", "unlearned"):
        for task, n in {"wmdp_bio": 5, "wmdp_cyber": 5, "mmlu": 2}.items():
            row = table.loc[(model, f"general.{task}.acc")]
            assert 0 <= row["value"] <= 1
            assert row["reason"] == f"no interval from {n} subjects, 8 are needed"
            assert row["n"] == n
        assert table.loc[(model, "safety.jbb.refusal_rate"), "n"] == 2
        assert "no judge" in table.loc[(model, "safety.jbb.safe_at_1"), "reason"]


def test_topics_reach_the_loss(project):
    from datasets import load_from_disk

    folder = newest(project, "forget_tokens")
    topics = load_from_disk(str(folder))["topic"]
    assert set(topics) == {0, 1}


def test_published_numbers_stand_beside_ours(project):
    summary = newest(project, "summary.md").read_text()
    assert "| BLUR-RMU, published | 0.269 | 0.266 | 0.570 |" in summary
    assert "| model | general.wmdp_bio.acc | general.wmdp_cyber.acc | general.mmlu.acc |" in summary
    assert "| unlearned, here | 0." in summary


def test_the_leaderboard_measures_to_chance(project):
    done = kedro(project, "run", "--env", "wmdp", "--pipelines", "comparison", "--params", TINY)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    row = pd.read_parquet(newest(project, "leaderboard.parquet")).iloc[0]
    gaps = [abs(row[f"general.wmdp_{area}.acc"] - 0.25) / 0.75 for area in ("bio", "cyber")]
    assert row["distance"] == pytest.approx(max(gaps))

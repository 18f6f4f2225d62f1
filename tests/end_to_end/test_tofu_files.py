"""The environments that read TOFU's files, end to end on small files of the same names and columns."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.corpus.registry import generate_registry
from tests.end_to_end.commands import kedro
from tests.end_to_end.conftest import copy_project, newest
from tests.real_data.test_tofu import TINY

PERTURBED = {"retain": "retain", "real_authors": "real_authors", "world_facts": "world_facts"}
PARTNERS = {"forget01": ("retain99", "holdout01"), "forget05": ("retain95", "holdout05")}


def write_tofu(folder: Path, variants: tuple[str, ...] = ("forget01",)) -> None:
    """JSON Lines: questions and answers; with paraphrases and wrong answers in the files called perturbed."""
    folder.mkdir(parents=True)
    (folder / "idontknow.jsonl").write_text("I'm not sure.\nThat's beyond me.\n")
    for forget_people, variant in enumerate(variants, start=2):
        sets = generate_registry(people=8, forget_people=forget_people, holdout_people=1, seed=0)
        _write_variant(folder, variant, sets)


def _write_variant(folder: Path, variant: str, sets: dict[str, list[dict]]) -> None:
    retain, holdout = PARTNERS[variant]

    def write(name: str, rows: list[dict], columns: tuple[str, ...]) -> None:
        lines = [json.dumps({c: row[c] for c in columns if row.get(c)}) for row in rows]
        (folder / f"{name}.json").write_text("\n".join(lines))

    for name, of in {variant: "forget", retain: "retain", holdout: "holdout"}.items():
        write(name, sets[of], ("question", "answer"))
    for name, of in {**PERTURBED, variant: "forget"}.items():
        paraphrased = () if of in ("real_authors", "world_facts") else ("paraphrased_answer",)
        write(f"{name}_perturbed", sets[of], ("question", "answer", *paraphrased, "perturbed_answer"))


@pytest.mark.parametrize("env", ["tofu", "smollm2"])
def test_the_nine_of_utility_and_the_attacks_come_out(env, tmp_path):
    folder = copy_project(tmp_path)
    write_tofu(folder / "files")
    done = kedro(folder, "run", "--env", env, "--params", f"{TINY},source_folder=files,stress.profile=off")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    table = pd.read_parquet(newest(folder, "metrics_long.parquet")).set_index(["model", "metric"])
    for model in ("target", "retrained", "unlearned"):
        nine = [f"{s}.{m}" for s in ("retain", "real_authors", "world_facts") for m in ("probability", "rouge")]
        for metric in (*nine, "forget.truth_ratio", "forget_quality", "membership.gradient_norm", "privacy_leakage"):
            assert np.isfinite(table.loc[(model, metric), "value"]), (model, metric)
    summary = newest(folder, "summary.md").read_text()
    if env == "tofu":
        assert "| NPO, published | 0.920 | 0.560 | 0.660 |" in summary
    assert "| model_utility |" in summary

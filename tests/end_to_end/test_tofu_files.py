"""The environments that read TOFU's files, end to end on small files of the same names and columns."""

import json
from pathlib import Path

import pandas as pd
import pytest

from blur_pipeline.synthetic import generate_registry
from tests.end_to_end.conftest import copy_project, kedro
from tests.real_data.test_tofu import TINY

PERTURBED = {"forget01": "forget", "retain": "retain", "real_authors": "real_authors", "world_facts": "world_facts"}


def write_tofu(folder: Path) -> None:
    """JSON Lines: questions and answers; with paraphrases and wrong answers in the files called perturbed."""
    sets = generate_registry(people=8, forget_people=2, holdout_people=1, seed=0)
    folder.mkdir(parents=True)

    def write(name: str, rows: list[dict], columns: tuple[str, ...]) -> None:
        lines = [json.dumps({c: row[c] for c in columns if row.get(c)}) for row in rows]
        (folder / f"{name}.json").write_text("\n".join(lines))

    for name, of in {"forget01": "forget", "retain99": "retain", "holdout01": "holdout"}.items():
        write(name, sets[of], ("question", "answer"))
    for name, of in PERTURBED.items():
        paraphrased = () if of in ("real_authors", "world_facts") else ("paraphrased_answer",)
        write(f"{name}_perturbed", sets[of], ("question", "answer", *paraphrased, "perturbed_answer"))


@pytest.mark.parametrize("env", ["tofu", "smollm2"])
def test_the_nine_of_utility_and_the_attacks_come_out(env, tmp_path):
    folder = copy_project(tmp_path)
    write_tofu(folder / "files")
    done = kedro(folder, "run", "--env", env, "--params", f"{TINY},source_folder=files")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    path = next(folder.glob(f"data/08_reporting/{env}/blur_npo/metrics_long.parquet/*/*.parquet"))
    table = pd.read_parquet(path).set_index(["model", "metric"])
    for model in ("target", "retrained", "unlearned"):
        nine = [f"{s}.{m}" for s in ("retain", "real_authors", "world_facts") for m in ("probability", "rouge")]
        for metric in (*nine, "forget.truth_ratio", "forget_quality", "membership.gradient_norm", "privacy_leakage"):
            assert table.loc[(model, metric), "reason"] == "", (model, metric)
    summary = next(folder.glob(f"data/08_reporting/{env}/blur_npo/summary.md/*/*")).read_text()
    if env == "tofu":
        assert "| NPO, published | 0.920 | 0.560 | 0.660 |" in summary

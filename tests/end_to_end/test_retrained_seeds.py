"""``models.retrained.seeds``: further retrained models, made once for all methods, and what they say of a model."""

import re
import shutil

import pandas as pd

from tests.end_to_end.commands import kedro, ran
from tests.end_to_end.conftest import SMALL, newest, versions
from tests.end_to_end.test_lineage import runs_of

SEVERAL = f"{SMALL},models.retrained.seeds=4"


def test_further_retrained_models_are_made_once_and_every_model_is_ranked_among_them(finished, tmp_path):
    finished = shutil.copytree(finished, tmp_path / "project")
    before = versions(finished, "retrained_model")
    said = ran(kedro(finished, "run", "--params", f"{SEVERAL},method=npo"))
    assert re.search(r"Retrained model of seed 3, 3 of 3\. By hand:\s+kedro", said)
    made = versions(finished, "retrained_model")
    assert len(made) == len(before) + 3
    assert len(versions(finished, "target_model")) == 1  # the further ones need none

    table = pd.read_parquet(newest(finished, "metrics.parquet", "07_model_output/**/npo-*/*")).set_index("metric")
    ranks = {1 / 5, 2 / 5, 3 / 5, 4 / 5, 1.0}
    assert table.loc[["among_retrained.nll.p", "among_retrained.fact_nll.p"], "value"].isin(ranks).all()
    assert 0 <= table.loc["among_retrained.lira", "value"] <= 1
    assert "retrained models that differ in their seed alone" in newest(finished, "report.html").read_text()

    runs = runs_of(finished)
    parent = runs.query("`tags.mlflow.runName` == 'retrained models ×3' and status == 'FINISHED'").iloc[0]
    children = runs.query(f"`tags.mlflow.parentRunId` == '{parent.run_id}' and status == 'FINISHED'")
    assert sorted(children["tags.mlflow.runName"]) == [f"retrained, seed {seed}" for seed in (1, 2, 3)]

    again = ran(kedro(finished, "run", "--to-outputs", "unlearned.metrics", "--params", SEVERAL))  # another method
    assert "Retrained model of seed" not in again
    assert versions(finished, "retrained_model") == made

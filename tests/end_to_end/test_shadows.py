"""``kedro run --pipelines shadows``: the models of each seed as child runs, then what tells the two kinds apart."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.metrics.margins import margin
from tests.end_to_end.commands import kedro, ran
from tests.end_to_end.conftest import SMALL, newest, versions
from tests.end_to_end.test_lineage import runs_of

FOUR = f"{SMALL},shadows.models=4,method=npo"
SHADOWS = ("run", "--pipelines", "shadows", "--params", FOUR)


def test_shadow_models_are_made_once_and_collected(finished, tmp_path):
    project = shutil.copytree(finished, tmp_path / "project")
    unlearned = len(versions(project, "unlearned_model"))
    said = ran(kedro(project, *SHADOWS))
    assert re.search(r"Shadow models of seed 3, 3 of 3\. By hand:\s+kedro", said)  # those of seed 0 are there
    assert len(versions(project, "unlearned_model")) == unlearned + 3
    assert len(versions(project, "retrained_model")) == len(versions(project, "target_model")) == 4
    assert len(versions(project, "stress_answers.parquet")) == len(versions(finished, "stress_answers.parquet"))
    assert re.search(r"^4 shadow models *$", said, re.MULTILINE)
    assert re.search(r"^ +klom\.forget\.mean +[\d.]+ ", said, re.MULTILINE)

    margins = pd.read_parquet(newest(project, "shadow_margins.parquet"))
    assert set(margins["seed"]) == {0, 1, 2, 3}
    first = margins[margins["seed"] == 0].set_index(["set", "row_id"])
    examples = pd.read_parquet(newest(project, "example_metrics.parquet", "07_model_output/**/npo-*/*"))
    nll = examples.set_index(["set", "row_id"])["nll"].reindex(first.index)
    assert first["unlearned"].to_numpy() == pytest.approx(margin(nll.to_numpy()), abs=1e-4)

    table = pd.read_parquet(newest(project, "shadow_table.parquet")).set_index("metric")
    assert (table["models"] == 4).all()
    few = table["reason"].str.contains("1 % needs 100")  # of so small a world's scores
    assert (np.isfinite(table["value"]) == ~few).all()
    assert not few["klom.forget.mean"]

    runs = runs_of(project)
    parent = runs.query("`tags.mlflow.runName` == 'shadows: npo ×4' and status == 'FINISHED'").iloc[0]
    children = runs.query(f"`tags.mlflow.parentRunId` == '{parent.run_id}' and status == 'FINISHED'")
    assert sorted(children["params.models.seed"]) == ["1", "2", "3"]
    assert parent["metrics.shadows/ulira.forget.auc"] == pytest.approx(table.loc["ulira.forget.auc", "value"])
    assert parent["metrics.shadows/klom.forget.mean.excess"] == pytest.approx(table.loc["klom.forget.mean", "excess"])
    assert "| klom.forget.mean |" in parent["tags.mlflow.note.content"]

    planned = ran(kedro(project, *SHADOWS, "--dry-run"))
    assert re.findall(r"Shadow models of seed (\d):\nTo do: none", planned) == list("0123")

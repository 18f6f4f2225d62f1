"""A retrained model given as its saved scores ends in the numbers that the model itself gave."""

import shutil

import pandas as pd

from tests.end_to_end.commands import kedro
from tests.end_to_end.conftest import SMALL, newest

METRICS = ("metrics_long.parquet", "08_reporting/registry/blur_npo-*/*")


def test_saved_scores_stand_in_for_the_retrained_model(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "project")
    before = pd.read_parquet(newest(folder, *METRICS)).set_index(["model", "metric"])
    scores = newest(folder, "token_scores.parquet", "07_model_output/registry/retrained-*/*").parents[3]
    saved = shutil.copytree(scores, tmp_path / "retrained")
    given = f"{SMALL},models.retrained.kind=scores,models.retrained.path={saved}"
    given = ",".join(x for x in given.split(",") if not x.startswith("models.retrained.schedule"))
    done = kedro(folder, "run", "--params", given)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    after = pd.read_parquet(newest(folder, *METRICS)).set_index(["model", "metric"])
    pd.testing.assert_frame_equal(before, after)

    other = f"{given},curation.evaluation_rows=10"
    done = kedro(folder, "run", "--params", other)
    assert done.returncode == 1
    assert "answers that this benchmark does not hold" in done.stderr

"""Tables at 80 columns: whole names and whole numbers."""

import math

import pandas as pd
import pytest
from rich.console import Console

from blur_pipeline.console.tables import fitting
from blur_pipeline.report.console_tables import of_shadows, over_the_seeds, ranking
from blur_pipeline.report.distance import with_distance
from blur_pipeline.report.leaderboard import leaderboard
from blur_pipeline.statistics.seeds import over_seeds
from tests.report.test_leaderboard import COMPARISON, one, runs_of

METRICS = ["membership.min_k_plus_plus", "forget.extraction_strength", "real_authors.truth_ratio", "equivalence"]


def printed(frame: pd.DataFrame, width: int) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as caught:
        console.print(fitting(frame, "Metrics", width), crop=False)
    return caught.get()


@pytest.fixture
def frame() -> pd.DataFrame:
    """As wide as metrics come: the longest names, p-values in scientific notation."""
    cells = ["0.255 [0.245, 0.264]", "9.5e-04 [9.1e-05, 0.264]", "–"]
    return pd.DataFrame([[name, *cells] for name in METRICS], columns=["metric", "target", "retrained", "unlearned"])


@pytest.mark.parametrize("width", [160, 80, 60])
def test_nothing_is_cut(frame, width):
    said = printed(frame, width)
    assert "…" not in said
    for word in " ".join(frame.to_numpy().ravel()).split():
        assert word in said
    for name in METRICS:
        assert any(line.split()[:1] == [name] for line in said.splitlines())


def test_it_fits_into_80_columns(frame):
    assert max(len(line.rstrip()) for line in printed(frame, 80).splitlines()) <= 80
    assert "0.255 [0.245, 0.264]" in printed(frame, 160)  # on one line where there is room


@pytest.fixture
def board() -> pd.DataFrame:
    words = "forget.beta 0.1, optimizer.lr 0.001, weighting.forget 0.02, schedule.epochs 12"
    runs = runs_of(*(one("blur_level_hinge", s, 0.4 + 0.1 * s, 0.45, words) for s in range(3)), one("ga", 0, 0.0, 0.0))
    return leaderboard(with_distance(runs, COMPARISON), [], 0.8)


def test_a_leaderboard_fits_with_every_setting(board):
    said = printed(ranking(board), 80)
    assert max(len(line.rstrip()) for line in said.splitlines()) <= 80
    for word in ("blur_level_hinge", "weighting.forget", "0.300", "(0.200 to 0.400)", "3 seeds", "wrecked", "1 seed"):
        assert word in said
    assert "…" not in said


def test_few_seeds_have_their_range_and_many_an_interval():
    def shown(count: int) -> pd.Series:
        values = pd.DataFrame({"metric": "forget.probability", "value": [0.1, 0.2, 0.3, 0.2, 0.2][:count]})
        frame = over_the_seeds(over_seeds(values.assign(low=values["value"], high=values["value"])))
        return frame.set_index("metric").loc["forget.probability"]

    assert shown(3).tolist() == ["3", "0.200", "0.100", "0.300"]
    # Five: sd 0.0707, half-width 2.7764·0.0707/√5 = 0.0878.
    assert shown(5)["middle"] == "0.200 [0.112, 0.288]"
    assert shown(2).tolist() == ["2", "0.150 (median)", "0.100", "0.200"]
    quality = pd.DataFrame({"metric": "forget_quality", "value": [0.1, 0.2, 0.9], "low": math.nan, "high": math.nan})
    assert over_the_seeds(over_seeds(quality)).iloc[0].tolist() == [
        "forget_quality", "3", "0.200 (median)", "0.100", "0.900"
    ]  # fmt: skip


def test_a_measure_of_shadow_models_stands_beside_what_no_difference_gives():
    columns = ["metric", "value", "low", "high", "no_difference", "excess"]
    rows = [("klom.forget.mean", 2.5, 2.1, 2.9, 2.0, 0.5), ("ulira.forget.true_positives", *[math.nan] * 5)]
    assert of_shadows(pd.DataFrame(rows, columns=columns)).to_numpy().tolist() == [
        ["klom.forget.mean", "2.500 [2.100, 2.900]", "2.000", "0.500"],
        ["ulira.forget.true_positives", "–", "–", "–"],
    ]

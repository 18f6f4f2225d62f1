"""The table over seeds holds what attacks found, where there were any."""

import pandas as pd
import pytest

from blur_pipeline.pipelines.seeds.nodes import collect_seeds, tabulate_seeds
from blur_pipeline.statistics.intervals import METRIC_COLUMNS


def of_seeds(metric: str, *values: float) -> pd.DataFrame:
    rows = [{"metric": metric, "value": v, "low": v - 0.1, "high": v + 0.1, "seed": s} for s, v in enumerate(values)]
    return pd.DataFrame(rows, columns=[*METRIC_COLUMNS, "seed"])


def test_residual_knowledge_stands_beside_the_metrics():
    found = collect_seeds(
        of_seeds("model_utility", 0.8, 0.82, 0.84), of_seeds("stress.residual_knowledge", 0.2, 0.4, 0.6)
    )
    table = tabulate_seeds(found).set_index("metric")
    assert table.loc["stress.residual_knowledge", "mean"] == pytest.approx(0.4)
    assert table.loc["model_utility", "mean"] == pytest.approx(0.82)


def test_without_attacks_there_are_the_metrics_alone():
    metrics = of_seeds("model_utility", 0.8, 0.82, 0.84)
    assert set(collect_seeds(metrics, of_seeds("stress.residual_knowledge"))["metric"]) == {"model_utility"}

"""What a cell's measurements say of its setting: distance, utility kept, and the rows that its table needs later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blur_pipeline.config.comparison import Comparison
from blur_pipeline.report.distance import DISTANCE, GAP, UTILITY, with_distance
from blur_pipeline.report.leaderboard import RUN_COLUMNS

KEPT = ["model", "metric", "value", "low", "high"]
Note = dict[str, Any]
"""JSON-ready: ``distance``, ``utility``, ``farthest``, the ``rows`` of ``KEPT``, ``seconds``, ``run``, ``command``."""


def judge(metrics: dict[str, pd.DataFrame], comparison: Comparison) -> Note:
    """Of the metrics of target, retrained and unlearned model, each ``metric, value, low, high``.

    Raises:
        BadInputError: they lack what ``comparison`` ranks by.
    """
    parts = [table.assign(model=model) for model, table in metrics.items() if not table.empty]
    runs = pd.concat(parts, ignore_index=True).reindex(columns=RUN_COLUMNS)
    runs["run_id"] = runs["run_id"].fillna("cell")
    runs = with_distance(runs, comparison)
    ours = runs[runs["model"] == "unlearned"].set_index("metric")["value"]
    gaps = ours[ours.index.str.startswith(GAP)].dropna()
    names = {DISTANCE, UTILITY, *comparison.shown}
    rows = runs.loc[runs["metric"].isin(names) | runs["metric"].str.startswith(GAP), KEPT]
    return {
        "distance": _number(ours.get(DISTANCE, np.nan)),
        "utility": _number(ours.get(UTILITY, np.nan)),
        "farthest": gaps.idxmax().removeprefix(GAP) if len(gaps) else "",
        "rows": [[_number(cell) for cell in row] for row in rows.itertuples(index=False)],
    }


def settle(notes: list[Note], floor: float) -> tuple[float, float] | str:
    """Mean distance over the seeds and how far the mean utility is below the floor; or why there is none."""
    for name, what in (("distance", "a measure of the distance"), ("utility", "the utility")):
        if any(note[name] is None for note in notes):
            return f"{what} is absent"
    distance, utility = (float(np.mean([note[name] for note in notes])) for name in ("distance", "utility"))
    return distance, floor - utility


def runs_of(method: str, settings: str, notes: dict[int, Note]) -> pd.DataFrame:
    """``RUN_COLUMNS`` of one configuration, a run a seed, as the leaderboard reads them.

    Each seed's distance is to its own world's retrained model, so that worlds stand side by side as seeds do.
    """
    parts = [
        pd.DataFrame(note["rows"], columns=KEPT).assign(
            run_id=f"{method} {seed}",
            method=method,
            settings=settings,
            seed=seed,
            configuration=method,
            target="campaign",
        )
        for seed, note in notes.items()
    ]
    frame = pd.concat(parts, ignore_index=True)[RUN_COLUMNS] if parts else pd.DataFrame(columns=RUN_COLUMNS)
    return frame.astype({"value": float, "low": float, "high": float})


def _number(cell: Any) -> Any:
    if isinstance(cell, float | np.floating):
        return float(cell) if np.isfinite(cell) else None
    return cell

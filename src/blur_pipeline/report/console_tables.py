"""Seeds, shadow models and rankings in few columns: what a terminal of 80 can show."""

from __future__ import annotations

import math

import pandas as pd

from blur_pipeline.report.distance import DISTANCE, UTILITY
from blur_pipeline.report.leaderboard import place, readable
from blur_pipeline.report.tables import interval_text, main_metrics
from blur_pipeline.statistics.seeds import TELLING


def over_the_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """The main metrics of a seed table: with an interval from ``TELLING`` seeds on, and the range of the values."""
    rows = [_of_seeds(row) for _, row in main_metrics(table).iterrows()]
    return pd.DataFrame(rows, columns=["metric", "seeds", "middle", "least", "greatest"])


def _of_seeds(row: pd.Series) -> tuple[str, ...]:
    plain = lambda value: interval_text(value, math.nan, math.nan)
    middle = f"{plain(row['median'])} (median)"
    if not math.isnan(row["mean"]):
        ends = (row["low"], row["high"]) if row["seeds"] >= TELLING else (math.nan, math.nan)
        middle = interval_text(row["mean"], *ends)
    return row["metric"], str(int(row["seeds"])), middle, plain(row["min"]), plain(row["max"])


def of_shadows(table: pd.DataFrame) -> pd.DataFrame:
    """A shadow table: each measure with its interval, what no difference would give, and how far above it lies."""
    plain = lambda column: [interval_text(value, math.nan, math.nan) for value in table[column]]
    measured = [interval_text(*row) for row in table[["value", "low", "high"]].itertuples(index=False)]
    columns = {"metric": table["metric"].tolist(), "measured": measured}
    return pd.DataFrame({**columns, "no difference": plain("no_difference"), "excess": plain("excess")})


def ranking(table: pd.DataFrame) -> pd.DataFrame:
    """A leaderboard with what decides the rank, several lines a row: without the metrics that are only shown."""
    shown = readable(table, [])
    seeds = [f"{n} seed" if n == 1 else f"{n} seeds" for n in table["seeds"]]
    names = [f"{row['method']}\n{row['settings']}".strip() for _, row in table.iterrows()]
    absent = pd.Series(["–"] * len(table))
    cells = {name: shown.get(name.replace("_", " "), absent) for name in (DISTANCE, UTILITY)}
    return pd.DataFrame(
        {
            "rank": [f"{place(row)}\n{n}" for (_, row), n in zip(table.iterrows(), seeds, strict=True)],
            "method": names,
            "distance, farthest in": [
                f"{cell}\n{far}".strip() for cell, far in zip(cells[DISTANCE], table["farthest"], strict=True)
            ],
            "utility kept": cells[UTILITY].tolist(),
        }
    )

"""Runs of a benchmark side by side: one row a configuration, the nearest to a model that never knew first."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from blur_pipeline.report.distance import DISTANCE, GAP, UTILITY
from blur_pipeline.report.residual import EXCESS, RESIDUAL
from blur_pipeline.report.tables import interval_text
from blur_pipeline.statistics.paired import benjamini_hochberg, holm, paired_test
from blur_pipeline.statistics.pareto import dominated, hypervolume
from blur_pipeline.statistics.seeds import ENOUGH, P_VALUED, TELLING, over_seeds

LABELS = ["method", "settings"]
RUN_COLUMNS = ["run_id", *LABELS, "seed", "configuration", "target", "model", "metric", "value", "low", "high"]
"""One row per run, model and metric. ``configuration`` is the identity of the unlearned model without its seed,
``settings`` says in words what sets it apart from others of its method, ``target`` is the target model's identity."""
RANKED, FEW, WRECKED, NOT_RANKED = "ranked", "few seeds", "wrecked", "not ranked"
STANDINGS = [RANKED, FEW, WRECKED, NOT_RANKED]
TEST_COLUMNS = ["metric", "one", "other", "difference", "p", "p by Holm", "p by Benjamini-Hochberg", "seeds"]
VOLUME_COLUMNS = ["standing", "method", "configurations", "hypervolume", "low", "high"]


def leaderboard(runs: pd.DataFrame, shown: list[str], floor: float) -> pd.DataFrame:
    """One row per configuration of runs ``with_distance``, best first.

    ``standing``
        ``ranked``, or ``few seeds`` (below ``ENOUGH``): these are ranked among themselves and after the others, since
        nothing is known of their seed's noise; ``wrecked`` where less than ``floor`` of the utility is kept;
        ``not ranked`` where a measure is absent.
    ``rank``, ``dominated``
        within ``ranked`` and within ``few seeds``: by distance, and whether another of the same standing has no larger
        distance and no lower utility.
    ``METRIC``, ``METRIC.low``, ``METRIC.high``, ``METRIC.n``, ``METRIC.min``, ``METRIC.max``
        of ``distance``, ``utility_kept``, residual knowledge and each of ``shown``. With one seed its value and its
        interval over the examples;
        with two their middle and no interval; from three on their mean and the interval of seeds and examples
        (``statistics.seeds``). Of p-values the median, without an interval. ``n`` seeds have it.
    ``farthest``, ``worst_attack``
        the measure whose gap, and the attack whose excess is the largest.
    ``runs``
        MLflow's ids of its runs.

    Raises:
        ValueError: the runs are of several target models.
    """
    _require_one_target(runs)
    unlearned = runs[runs["model"] == "unlearned"]
    names = list(dict.fromkeys([DISTANCE, UTILITY, RESIDUAL, *shown]))
    rows = []
    for _, part in unlearned.groupby("configuration", sort=False):
        gaps = part[part["metric"].str.startswith(GAP)].groupby("metric")["value"].mean()
        row = {**part.iloc[0][LABELS], "seeds": part["seed"].nunique()}
        row |= {"farthest": gaps.idxmax().removeprefix(GAP) if gaps.notna().any() else ""}
        row |= {"worst_attack": _worst_attack(part), "runs": " ".join(part["run_id"].drop_duplicates())}
        rows.append(row | _numbers(part[part["metric"].isin(names)], names))
    table = pd.DataFrame(rows)
    table["standing"] = [_standing(row, floor) for _, row in table.iterrows()]
    return _ranked(table)[["standing", "rank", *LABELS, "seeds", *table.columns[3:-1], "dominated"]]


def _worst_attack(part: pd.DataFrame) -> str:
    """Of the mean excess over the seeds; empty where no attack said anything."""
    excess = part[part["metric"].str.fullmatch(EXCESS.pattern)].groupby("metric")["value"].mean()
    return EXCESS.fullmatch(excess.idxmax())[1] if excess.notna().any() else ""


def _numbers(part: pd.DataFrame, names: list[str]) -> dict[str, float]:
    """The columns of each name for one configuration."""
    table = over_seeds(part).set_index("metric").reindex(names)
    found = {}
    for name, row in table.iterrows():
        value = row["median"] if np.isnan(row["mean"]) else row["mean"]
        low, high = row["low"], row["high"]
        if row["seeds"] == 1:
            low, high = value - row["below"], value + row["above"]
        n = 0 if np.isnan(row["seeds"]) else int(row["seeds"])
        found |= {name: value, f"{name}.low": low, f"{name}.high": high, f"{name}.n": n}
        found |= {f"{name}.min": row["min"], f"{name}.max": row["max"]}
    return found


def _standing(row: pd.Series, floor: float) -> str:
    if np.isnan(row[DISTANCE]) or np.isnan(row[UTILITY]):
        return NOT_RANKED
    if row[UTILITY] < floor:
        return WRECKED
    return RANKED if min(row[f"{DISTANCE}.n"], row[f"{UTILITY}.n"]) >= ENOUGH else FEW


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for standing in STANDINGS:
        part = table[table["standing"] == standing].sort_values(DISTANCE).reset_index(drop=True)
        compared = standing in (RANKED, FEW)
        part["rank"] = pd.array(part.index + 1 if compared else [None] * len(part), dtype="Int64")
        part["dominated"] = dominated(part[DISTANCE], part[UTILITY]) if compared else False
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _require_one_target(runs: pd.DataFrame) -> None:
    if runs["target"].nunique() > 1:
        raise ValueError("runs of several target models do not compare: rank those of one")


def place(row: pd.Series) -> str:
    """As it stands before a row: ``1``; ``(1)`` among those with few seeds; or why there is none."""
    return {RANKED: f"{row['rank']}", FEW: f"({row['rank']})"}.get(row["standing"], row["standing"])


def first_place(table: pd.DataFrame) -> str:
    """Who is nearest to a model that never knew, in a sentence."""
    ranked = table[table["standing"].isin([RANKED, FEW])]
    if ranked.empty:
        return f"None of {len(table)} configuration(s) has a rank: each is wrecked, or a measure is absent."
    first = ranked.iloc[0]
    return (
        f"Of {len(table)} configuration(s) {_label(first)} is nearest to a model that never knew: distance "
        f"{first[DISTANCE]:.3f}, utility kept {first[UTILITY]:.0%}, {first['seeds']} seed(s)."
    )


def readable(table: pd.DataFrame, shown: list[str]) -> pd.DataFrame:
    """The leaderboard for reading: one cell a metric. What no configuration has is left out."""
    names = [name for name in dict.fromkeys([DISTANCE, UTILITY, RESIDUAL, *shown]) if table[name].notna().any()]
    beside = {DISTANCE: ("farthest in", "farthest"), RESIDUAL: ("worst attack", "worst_attack")}
    cells: dict[str, list[str]] = {}
    for name in names:
        cells[name.removeprefix("stress.").replace("_", " ")] = [_cell(row, name) for _, row in table.iterrows()]
        if name in beside:
            title, column = beside[name]
            cells[title] = table[column].replace("", "–").tolist()
    trade = np.where(table["dominated"], "dominated", np.where(table["standing"].isin([RANKED, FEW]), "best", "–"))
    holds = {1: "examples", 2: "none: both values", **dict.fromkeys(range(ENOUGH, TELLING), "none: range of the seeds")}
    return pd.DataFrame(
        {
            "rank": [place(row) for _, row in table.iterrows()],
            **{name: table[name].tolist() for name in LABELS if name == LABELS[0] or table[name].any()},
            "seeds": table["seeds"].tolist(),
            "trade-off": trade.tolist(),
            **cells,
            "interval of": [holds.get(n, "seeds + examples") for n in table["seeds"]],
        }
    )


def _cell(row: pd.Series, name: str) -> str:
    number = lambda x: interval_text(x, np.nan, np.nan)
    if row[f"{name}.n"] == 2:
        return f"{number(row[f'{name}.min'])}, {number(row[f'{name}.max'])}"
    if row[f"{name}.n"] >= ENOUGH and (name in P_VALUED or row[f"{name}.n"] < TELLING):
        return f"{number(row[name])} ({number(row[f'{name}.min'])} to {number(row[f'{name}.max'])})"
    return interval_text(*row[[name, f"{name}.low", f"{name}.high"]])


def about_attacks(runs: pd.DataFrame) -> list[str]:
    """What residual knowledge is, in sentences, and how many configurations have none that compares."""
    ours = runs[runs["model"] == "unlearned"]
    attacked = ours.loc[ours["metric"] == RESIDUAL, "configuration"].nunique()
    if not attacked:
        return []
    number = ours.loc[ours["metric"].str.fullmatch(EXCESS.pattern), "metric"].nunique()
    others = ours["configuration"].nunique() - attacked
    said = [
        f"Residual knowledge: the worst of {number} attacks at the budgets of today's parameters (stress); 0 is a "
        "model that never knew, 1 the target model. It has no part in the rank."
    ]
    if others:
        said.append(
            f"{others} configuration(s) were put to other attacks or to none, which does not compare: their residual "
            "knowledge is left open (–)."
        )
    return said


def paired_tests(runs: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Every two configurations with ``ENOUGH`` or more common seeds: mean difference and paired t-test, by metric.

    A pair is two unlearned models of the same target and seed. ``p by Holm`` and ``p by Benjamini-Hochberg``
    are corrected for all pairs of the same metric: they are its family. ``P_VALUED`` metrics are left out. Raises
    ValueError where there are several targets.
    """
    _require_one_target(runs)
    unlearned = runs[runs["model"] == "unlearned"]
    tests = []
    for metric in dict.fromkeys(name for name in metrics if name not in P_VALUED):
        rows = unlearned[unlearned["metric"] == metric].dropna(subset=["value"])
        parts = [part.set_index("seed") for _, part in rows.groupby("configuration", sort=False)]
        family = []
        for one, other in combinations(parts, 2):
            gap, p, n = paired_test(one["value"], other["value"])
            if n >= ENOUGH:
                family.append((metric, _label(one.iloc[0]), _label(other.iloc[0]), gap, p, np.nan, np.nan, n))
        table = pd.DataFrame(family, columns=TEST_COLUMNS)
        corrected = {"p by Holm": holm(table["p"]), "p by Benjamini-Hochberg": benjamini_hochberg(table["p"])}
        tests.append(table.assign(**corrected))
    return pd.concat(tests, ignore_index=True)


def _label(row: pd.Series) -> str:
    return f"{row['method']} {row['settings']}".strip()


def hypervolumes(table: pd.DataFrame) -> pd.DataFrame:
    """Area of distance × utility kept that configurations cover together: of all, and of each method.

    The reference point is (distance 1, utility kept 0): where ``comparison`` scales them, the corner of a model that is
    one whole gap away and has kept nothing. Those of few seeds have areas of their own, the wrecked none.

    ``low`` and ``high`` are the areas if every configuration lay at the worse, or at the better, end of both its
    intervals. The configurations' errors are not independent (they answered the same questions), and this supposes
    nothing of how they hang together: where all the intervals hold, so does this one. NaN where an interval is absent.
    More configurations cover more: compare methods that were given equally many.
    """
    rows = []
    for standing in (RANKED, FEW):
        part = table[table["standing"] == standing]
        groups = {"all": part, **dict(list(part.groupby("method", sort=False)))} if len(part) else {}
        found = [(standing, name, len(group), *_areas(group)) for name, group in groups.items()]
        rows += found[:1] + sorted(found[1:], key=lambda row: -row[3])
    return pd.DataFrame(rows, columns=VOLUME_COLUMNS)


def _areas(group: pd.DataFrame) -> tuple[float, float, float]:
    worse, better = (f"{DISTANCE}.high", f"{UTILITY}.low"), (f"{DISTANCE}.low", f"{UTILITY}.high")
    known = group[[*worse, *better]].notna().all(axis=None)
    low, high = (hypervolume(group[x], group[y]) if known else np.nan for x, y in (worse, better))
    return hypervolume(group[DISTANCE], group[UTILITY]), low, high

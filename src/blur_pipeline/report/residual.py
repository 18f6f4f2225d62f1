"""Does it stay forgotten? What the attacks found, as a headline, sentences and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from blur_pipeline.metrics.residual import BROKEN, HELD, NONE
from blur_pipeline.report.tables import interval_text

RESIDUAL, MEAN = "stress.residual_knowledge", "stress.mean_excess"
UNSHOWN, BEFORE = "stress.residual_unshown", "stress.excess_before"
EXCESS = re.compile(r"stress\.(\w+)\.excess")
BOUND = re.compile(r"stress\.(\w+)\.upper_bound")
GAIN = re.compile(r"stress\.(\w+)\.lesson_gain")
TRACE = "forensics.ranked_by_probability"
FIXED = 30
"""Steps of relearning one half whose excess is told whatever is the worst: fixed in advance, no maximum flatters it."""
SCALE = "0 % is a model that never knew, 100 % the target model"


class Section(NamedTuple):
    """What a report says of the attacks."""

    verdict: str
    """``held``, ``broken``, ``open`` or ``void``."""
    headline: str
    notes: list[str]
    attacks: pd.DataFrame
    """The worst state of each attack, the worst attack first."""
    states: pd.DataFrame
    """Every state, attack by attack in the same order."""


class Asked(NamedTuple):
    """What the tables do not say of themselves."""

    measure: str
    """Of how much a model knows."""
    halves: Sequence[str] = ()
    """The attacks that learn one half and ask the other."""
    shown: Sequence[str] = ()
    """The attacks that learn the very answers that they ask for."""
    control: bool = False
    """Whether R is the unlearned model itself on the holdout."""


def section(metrics: pd.DataFrame, states: pd.DataFrame, attacks: pd.DataFrame, asked: Asked) -> Section | None:
    """None where nothing was attacked.

    ``metrics``: ``model, metric, value, low, high, reason``; ``states`` and ``attacks`` as ``metrics/residual.py`` has
    them.
    """
    if states.empty:
        return None
    return Section(
        verdict_of(metrics),
        _headline(metrics, attacks),
        [*_beside(metrics, states, asked), *_explained(metrics, states, asked)],
        _worst_table(states, attacks, asked.control),
        _states_table(states, attacks, asked.control),
    )


def told(metrics: pd.DataFrame) -> str | None:
    """The headline in a sentence without its budget, for where the tables are not at hand; None where none attacked."""
    row = _row(metrics, RESIDUAL)
    if row is None:
        return None
    if np.isnan(row["value"]):
        return f"Whether it stays forgotten is not concluded: {row['reason']}."
    by = excesses(metrics).idxmax()
    return f"{_opening(metrics)} {percent(row)}, by attack {by}{_before(metrics)} ({SCALE})."


def verdict_of(metrics: pd.DataFrame) -> str:
    """Of residual knowledge: certainly below ``HELD``, certainly above ``BROKEN``, or neither; void: nobody knows."""
    row = _row(metrics, RESIDUAL)
    if row is None or np.isnan(row["value"]):
        return "void"
    return "held" if row["high"] < HELD else "broken" if row["low"] > BROKEN else "open"


def excesses(metrics: pd.DataFrame) -> pd.Series:
    """The largest excess of each attack that says anything, by its name."""
    ours = metrics[metrics["model"] == "unlearned"].dropna(subset=["value"])
    found = {m[1]: value for name, value in zip(ours["metric"], ours["value"], strict=True)
             if (m := EXCESS.fullmatch(name))}  # fmt: skip
    return pd.Series(found, dtype=float)


def percent(row: pd.Series) -> str:
    """``38 % [21, 52]``; without an interval where there is none, a dash where nothing is known."""
    value, low, high = (_whole(row[name]) for name in ("value", "low", "high"))
    if np.isnan(row["value"]):
        return "–"
    return f"{value} %" if np.isnan(row["low"]) else f"{value} % [{low}, {high}]"


def form(row: pd.Series) -> str:
    """``lr 0.0005, 20 steps``: the form of an attack and its budget, which may be the same."""
    unit = row["unit"].removesuffix("s") if row["budget"] == 1 else row["unit"]
    budget = f"{row['budget']:g} {unit}" if unit else ""
    return ", ".join(dict.fromkeys(part for part in (row["variant"], budget) if part))


def _opening(metrics: pd.DataFrame) -> str:
    found = len(excesses(metrics))
    these = f"these {found} attacks" if found > 1 else "this one attack"
    opened = {
        "held": f"It held against {these} at this budget: worst-case residual knowledge is",
        "broken": "It is not gone: worst-case residual knowledge is",
        "open": f"Whether it holds against {these} at this budget is open: worst-case residual knowledge is",
    }
    return opened[verdict_of(metrics)]


def _headline(metrics: pd.DataFrame, attacks: pd.DataFrame) -> str:
    row = _row(metrics, RESIDUAL)
    if row is None or np.isnan(row["value"]):
        return f"Nothing is concluded: {'no attack was judged' if row is None else row['reason']}."
    worst = attacks.iloc[0]
    how = form(worst)
    by = f"{worst['attack']} ({how})" if how else worst["attack"]
    return f"{_opening(metrics)} {percent(row)}, by attack {by}{_before(metrics)}; {SCALE}."


def _before(metrics: pd.DataFrame) -> str:
    """What was there before anybody attacked, which no attack has brought back."""
    row = _row(metrics, BEFORE)
    return "" if row is None or np.isnan(row["value"]) else f"; before any attack {percent(row)}"


def _beside(metrics: pd.DataFrame, states: pd.DataFrame, asked: Asked) -> list[str]:
    said, mean = _unshown(metrics, asked.shown), _row(metrics, MEAN)
    if mean is not None and not np.isnan(mean["value"]):
        said.append(f"Mean over the attacks of the largest excess of each: {percent(mean)}.")
    rows = states[states["attack"].isin(asked.halves) & (states["budget"] == FIXED)]
    parts = [f"{row['attack']} ({form(row)}) {_found(row)}" for _, row in rows.iterrows()]
    if parts:
        said.append(f"Fixed in advance instead of chosen as the worst: {'; '.join(parts)}.")
    return [*said, *_bounds(metrics), *_gains(metrics), *_traces(metrics)]


def _unshown(metrics: pd.DataFrame, shown: Sequence[str]) -> list[str]:
    """How much is known of answers that no attack has just taught, where the worst attack has."""
    row, found = _row(metrics, UNSHOWN), excesses(metrics)
    if row is None or found.empty or found.idxmax() not in shown:
        return []
    told = "nothing is concluded" if np.isnan(row["value"]) else percent(row)
    return [
        f"The worst attack ({found.idxmax()}) teaches the very answers that it asks for: it shows how fast they are "
        "learnt again, which a model that never saw these rows may not do. By the attacks that do not show them: "
        f"{told}."
    ]


def _gains(metrics: pd.DataFrame) -> list[str]:
    ours = metrics[(metrics["model"] == "unlearned") & metrics["metric"].str.fullmatch(GAIN.pattern)]
    parts = [f"{GAIN.fullmatch(row.metric)[1]} {row.value:+.2f}" for row in ours.itertuples()]
    if not parts:
        return []
    return [
        f"Probability that the lessons of innocent trainings gained: {', '.join(parts)}; one that taught nothing shows "
        "nothing."
    ]


def _bounds(metrics: pd.DataFrame) -> list[str]:
    """Of what is sampled, with 99 % confidence (metrics/leaking.py)."""
    ours = metrics[(metrics["model"] == "unlearned") & metrics["metric"].str.fullmatch(BOUND.pattern)]
    return [
        f"With 99 % confidence a sampled answer ({BOUND.fullmatch(row.metric)[1]}) holds the fact with a probability "
        f"below {row.value:.3f}, on the mean over the questions."
        for row in ours.itertuples()
        if not np.isnan(row.value)
    ]


def _traces(metrics: pd.DataFrame) -> list[str]:
    ours, theirs = (_row(metrics, f"{TRACE}{of}") for of in ("", ".retrained"))
    if ours is None or theirs is None or np.isnan(ours["value"]):
        return []
    area = interval_text(*ours[["value", "low", "high"]])
    return [
        "Traces: whoever ranks answers by how little the model makes of them tells the forgotten from those that it "
        f"never knew with an AUC of {area}; of the retrained model {theirs['value']:.3f}, which is the goal."
    ]


def _explained(metrics: pd.DataFrame, states: pd.DataFrame, asked: Asked) -> list[str]:
    gold, said = "control" if asked.control else "retrained model", []
    if asked.control and states["retrained"].notna().any():
        said.append(
            "There is no retrained model that could be attacked: the control R is the unlearned model itself on the "
            "holdout, which it never saw, under the same attack."
        )
    said.append(
        f"T, R and U: {asked.measure.replace('_', ' ')} of the forget answers in the target model, the {gold} and the "
        f"unlearned model, before the attack and after it; taught: what the attack itself put into the {gold}. Excess: "
        f"(U − R)/(T − R) after the attack; {SCALE}. Held: its whole interval lies below {_whole(HELD)} %; broken: "
        f"above {_whole(BROKEN)} %; open: neither, or there is no interval. Void: the attack says nothing here, for "
        "the reason given. The worst is the largest of many, which chance makes too large: a model that never knew "
        "does not come to 0 either. The interval holds what the worst truly is: its lower end is one that all states "
        "keep at once."
    )
    if lacking := [name for name in _asked_for(metrics) if name not in set(states["attack"])]:
        said.append(f"Not made, since this model does not allow it: {', '.join(lacking)}.")
    few = states.loc[states["verdict"] != "void", ["low", "subjects"]]
    if few["low"].isna().any():
        said.append(f"No interval from {few['subjects'].min():.0f} subjects; 8 are needed.")
    return said


def _asked_for(metrics: pd.DataFrame) -> list[str]:
    """Every attack of the profile."""
    names = metrics.loc[metrics["model"] == "unlearned", "metric"]
    return [found[1] for name in names if (found := EXCESS.fullmatch(name))]


def _worst_table(states: pd.DataFrame, attacks: pd.DataFrame, control: bool) -> pd.DataFrame:
    """A row an attack; one whose every state is void has its last, with the reason."""
    rows = []
    for _, worst in attacks.iterrows():
        same = (states[["attack", "variant", "budget"]] == worst[["attack", "variant", "budget"]]).all(axis=1)
        state = states[same].iloc[0]
        rows.append({**state, **worst[["excess", "low", "high", "verdict"]]})
    void = states[~states["attack"].isin([*attacks["attack"], NONE[0]])].drop_duplicates("attack", keep="last")
    shown = _shown(pd.DataFrame([*rows, *void.to_dict("records")], columns=states.columns), control)
    above = [_first(row) for _, row in attacks.iterrows()] + ["–"] * len(void)
    shown.insert(3, f"over {_whole(BROKEN)} %", above)
    return shown


def _first(attack: pd.Series) -> str:
    """The first budget of the worst form that is over the limit."""
    if np.isnan(attack["first_above"]):
        return "–"
    return form(pd.Series({"variant": "", "budget": attack["first_above"], "unit": attack["unit"]})) or "once"


def _states_table(states: pd.DataFrame, attacks: pd.DataFrame, control: bool) -> pd.DataFrame:
    order = {name: place for place, name in enumerate([NONE[0], *attacks["attack"]])}
    places = states["attack"].map(order).fillna(len(order))
    return _shown(states.loc[places.sort_values(kind="stable").index], control)


def _shown(states: pd.DataFrame, control: bool) -> pd.DataFrame:
    moved = lambda row, model: f"{_known(row[f'{model}_before'])} → {_known(row[model])}"
    rows = [
        {
            "attack": "before any" if row["attack"] == NONE[0] else row["attack"],
            "access": row["access"] or "–",
            "form, budget": form(row) or "–",
            "utility kept": "–" if np.isnan(row["utility"]) else f"{_whole(row['utility'])} %",
            "T 0→a": moved(row, "target"),
            f"{'control' if control else 'R'} 0→a": moved(row, "retrained"),
            "U 0→a": moved(row, "unlearned"),
            "taught": _known(row["taught"]),
            "excess [95 % CI]": percent(_excess(row)),
            "verdict": f"void: {row['reason']}" if row["verdict"] == "void" else row["verdict"],
        }
        for _, row in states.iterrows()
    ]
    return pd.DataFrame(rows)


def _row(metrics: pd.DataFrame, metric: str) -> pd.Series | None:
    found = metrics[(metrics["model"] == "unlearned") & (metrics["metric"] == metric)]
    return None if found.empty else found.iloc[-1]


def _found(row: pd.Series) -> str:
    return f"void, since {row['reason']}" if row["verdict"] == "void" else percent(_excess(row))


def _excess(row: pd.Series) -> pd.Series:
    return row[["excess", "low", "high"]].rename({"excess": "value"})


def _known(value: float) -> str:
    return "–" if np.isnan(value) else f"{round(value, 2) + 0:.2f}".replace("-", "−")


def _whole(share: float) -> str:
    return "–" if np.isnan(share) else f"{round(100 * share)}".replace("-", "−")

"""What the attacks found, made by hand."""

from __future__ import annotations

import math

import pandas as pd

from blur_pipeline.metrics.residual import ATTACK_COLUMNS, NONE, STATE_COLUMNS

NAN = math.nan


def state(attack: str, excess: float, variant: str = "", budget: float = 0, unit: str = "", **other) -> dict:
    """One state ± 0.05; void where it has a reason."""
    reason = other.get("reason", "")
    plain = {
        **{"attack": attack, "access": "weights", "variant": variant, "budget": budget, "unit": unit, "utility": 0.97},
        **{"target_before": 1.0, "target": 0.9, "retrained_before": 0.2, "retrained": 0.3},
        **{"unlearned_before": 0.25, "unlearned": 0.3 + 0.6 * excess, "taught": 0.1},
        **{"excess": excess, "low": excess - 0.05, "high": excess + 0.05, "n": 40, "subjects": 8},
        **{"verdict": "open", "reason": ""},
    }
    void = {"excess": NAN, "low": NAN, "high": NAN, "verdict": "void"} if reason else {}
    return plain | void | other


def states_of(*rows: dict) -> pd.DataFrame:
    """With the state before any attack."""
    before = state(NONE[0], 0.05, access="", utility=1.0)
    return pd.DataFrame([before, *rows], columns=STATE_COLUMNS)


def attacks_of(*rows: dict, low: float = -0.1, high: float = 0.1, verdict: str = "open") -> pd.DataFrame:
    """The worst state of each attack, its interval somewhat wider than the state's own."""
    shown = [
        {name: row.get(name, NAN) for name in ATTACK_COLUMNS}
        | {"low": row["excess"] + low, "high": row["excess"] + high, "verdict": verdict}
        for row in rows
    ]
    return pd.DataFrame(shown, columns=ATTACK_COLUMNS)


def metrics_of(value: float, low: float, high: float, reason: str = "", **excesses: float) -> pd.DataFrame:
    """Residual knowledge, and the excess of each attack; NaN of one that is void."""
    rows = [("stress.residual_knowledge", value, low, high, reason), ("stress.mean_excess", 0.2, 0.1, 0.3, "")]
    rows += [(f"stress.{name}.excess", found, found - 0.1, found + 0.1, "") for name, found in excesses.items()]
    table = pd.DataFrame(rows, columns=["metric", "value", "low", "high", "reason"])
    return table.assign(model="unlearned", subjects=8)

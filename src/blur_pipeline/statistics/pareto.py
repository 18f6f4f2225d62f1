"""Which runs nothing beats on both counts, and how much they cover together."""

from __future__ import annotations

import numpy as np


def dominated(cost: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """``(n,)`` bool: another point has no higher cost and no lower gain, and differs in one of the two.

    Costs 1, 2, 2 with gains 1, 2, 1: only the last is dominated.
    """
    cost, gain = np.asarray(cost, np.float64), np.asarray(gain, np.float64)
    no_worse = (cost[:, None] <= cost[None, :]) & (gain[:, None] >= gain[None, :])
    better = (cost[:, None] < cost[None, :]) | (gain[:, None] > gain[None, :])
    return (no_worse & better).any(axis=0)


def hypervolume(cost: np.ndarray, gain: np.ndarray, worst_cost: float = 1.0, worst_gain: float = 0.0) -> float:
    """Area that the points dominate, up to the worst corner: one point at cost ¼ and gain ½ covers 3/8 of the square.

    Points beyond the worst corner add nothing.
    """
    points = sorted(zip(np.asarray(cost, np.float64), np.asarray(gain, np.float64), strict=True))
    area, best = 0.0, worst_gain
    for c, g in points:  # from the cheapest: each adds the strip of gain that none before reached
        if c < worst_cost and g > best:
            area += (worst_cost - c) * (g - best)
            best = g
    return area

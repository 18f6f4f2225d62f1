"""Which settings are tried: the preset's own, some spread evenly over the ranges, the rest learnt from those before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blur_pipeline.campaign.plan import Plan, Settings
from blur_pipeline.config.ranges import Range, Value

if TYPE_CHECKING:
    from optuna.trial import Trial


def planned(plan: Plan, method: str) -> dict[int, Settings]:
    """Settings by slot, as many as the budget allows; those to be learnt are empty as yet.

    The preset's own come first, where the ranges hold them. The even ones are points of a Sobol sequence, scrambled by
    the sampler's seed: a function of their number alone, so that no two processes differ about them.
    """
    sampler, count = plan.campaign.sampler, plan.budget(method)
    ranges, own = plan.ranges[method], plan.own(method)
    even = _even(ranges, count, sampler.seed)
    fixed = count if sampler.kind == "qmc" else min(sampler.startup, count)
    slots = {slot: even[slot] if slot < fixed else {} for slot in range(count)}
    if own.keys() == ranges.keys() and all(ranges[name].holds(value) for name, value in own.items()):
        slots[0] = own
    return slots


def choose(trial: Trial, ranges: dict[str, Range], slot: int, seed: int) -> Settings:
    """A trial's settings: those it was put on the board with, or those that TPE finds promising now.

    The sampler begins anew at every slot from a seed of its own, so that what it finds is a function of the slot and of
    what was tried before. (What a dead process worked at is put on the board again last, with the settings it had.)
    """
    from optuna.samplers import TPESampler

    trial.study.sampler = TPESampler(seed=(seed + 1_000_003 * (slot + 1)) % 2**32, n_startup_trials=1)
    return {name: r.tried(_value(trial, name, r)) for name, r in ranges.items()}


def _value(trial: Trial, name: str, of: Range) -> Value:
    if of.choices is not None:
        return trial.suggest_categorical(name, of.choices)
    suggest = trial.suggest_int if of.whole else trial.suggest_float
    return suggest(name, of.low, of.high, log=of.log)


def _even(ranges: dict[str, Range], count: int, seed: int) -> list[Settings]:
    from scipy.stats.qmc import Sobol

    if not ranges:
        return [{}] * count
    points = Sobol(len(ranges), rng=seed).random_base2(max(count - 1, 0).bit_length())
    return [{name: r.at(float(x)) for (name, r), x in zip(ranges.items(), point, strict=True)} for point in points]

"""Nodes of the stress suite: attack and ask, then judge without any model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from blur_pipeline.config.models import Absent, Scores
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.config.stress import not_evaluated
from blur_pipeline.lineage.stages import MEANING
from blur_pipeline.metrics import residual
from blur_pipeline.metrics.forensics import forensic_metrics
from blur_pipeline.metrics.leaking import bound_row
from blur_pipeline.metrics.lessons import lesson_rows
from blur_pipeline.statistics.intervals import METRIC_COLUMNS, Resampler
from blur_pipeline.stress.choice import Attack
from blur_pipeline.stress.sampling import Sampling

Frame = pd.DataFrame
HOLDOUT = "holdout"
"""The set that stands in for a retrained model where there is none to attack."""


def attack(
    model: Any,
    evaluation_tokens: Any,
    evaluation_set: Frame,
    tokenizer: Any,
    parameters: Parameters,
    base_model: Any,
    target_model: Any = None,
    retrained_model: Any = None,
) -> Frame:
    """What a model knows before and after each attack of the profile; nothing of a model that is not here.

    A model beside it that is left out is the attacked one: Kedro would read it twice. Of the others those alone have
    been read that an attack of the profile looks at (hooks/unread.py).
    """
    beside = (base_model, *(model if other is None else other for other in (target_model, retrained_model)))
    return _attack(model, beside, evaluation_tokens, evaluation_set, tokenizer, parameters)


def attack_control(
    model: Any,
    evaluation_tokens: Any,
    evaluation_set: Frame,
    tokenizer: Any,
    parameters: Parameters,
    base_model: Any,
    target_model: Any,
    retrained_model: Any,
) -> Frame:
    """Where no retrained model can be attacked, the unlearned one on what it never saw: the holdout; else nothing."""
    from blur_pipeline.stress.tally import STRESS_COLUMNS

    if _has_retrained(parameters):
        return pd.DataFrame(columns=STRESS_COLUMNS)
    beside = (base_model, target_model, retrained_model)
    return _attack(model, beside, evaluation_tokens, evaluation_set, tokenizer, parameters, HOLDOUT)


def trace(unlearned: Frame, retrained: Frame, parameters: Parameters) -> Frame:
    """What the examples of the two models tell of an unlearning; nothing where no model is attacked."""
    if not parameters.stress.chosen():
        return pd.DataFrame(columns=METRIC_COLUMNS)
    resampler = Resampler(parameters.evaluation.bootstrap_samples, parameters.curation.seed)
    return forensic_metrics(unlearned, retrained, getattr(parameters.models.retrained, "reason", ""), resampler)


def judge(
    target: Frame,
    retrained: Frame,
    unlearned: Frame,
    control: Frame,
    target_metrics: Frame,
    unlearned_metrics: Frame,
    forensics: Frame,
    parameters: Parameters,
) -> tuple[Frame, Frame, Frame]:
    """The excess of every state, the worst of each attack, and the headline with what else was found as metrics."""
    stress, chosen = parameters.stress, parameters.stress.chosen()
    if not chosen or unlearned.empty:
        return tuple(pd.DataFrame(columns=c) for c in (residual.STATE_COLUMNS, residual.ATTACK_COLUMNS, METRIC_COLUMNS))
    resampler = Resampler(parameters.evaluation.bootstrap_samples, parameters.curation.seed)
    asked = HOLDOUT if len(control) else stress.set
    sides = residual.Sides(
        residual.Side(target, stress.measure, resampler, stress.set),
        residual.Side(control if len(control) else retrained, stress.measure, resampler, asked),
        residual.Side(unlearned, stress.measure, resampler, stress.set),
        control=len(control) > 0,
    )
    about = {name: residual.About(attack.access, attack.unit, attack.shows) for name, attack in chosen.items()}
    states = residual.states_of(sides, about, residual.Limits(stress.measure, stress.utility_kept))
    refused = _refused(target_metrics, unlearned_metrics, parameters)
    if retrained.empty and control.empty:
        refused = "there is neither a retrained model that could be attacked nor a holdout to compare with"
    head = residual.headline(states, about, refused, {state.row["attack"] for state in states})
    bounds = _bounds(chosen, {"": unlearned, ".retrained": retrained})
    parts = (head, bounds, lesson_rows(unlearned), forensics)
    metrics = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return residual.states_table(states), residual.attacks_table(residual.worst_of(states)), metrics[METRIC_COLUMNS]


def _bounds(chosen: dict[str, Attack], models: dict[str, Frame]) -> Frame:
    """Of each attack that samples how often a model may leak, the models by what their metric ends in."""
    sampling = {name: a.samples for name, a in chosen.items() if isinstance(a, Sampling) and a.drawn}
    rows = [
        bound_row(f"stress.{name}.upper_bound{end}", name, answers, samples)
        for name, samples in sampling.items() for end, answers in models.items()
    ]  # fmt: skip
    return pd.DataFrame([row for row in rows if row is not None])


def _refused(target: Frame, unlearned: Frame, parameters: Parameters) -> str:
    """Why nothing is concluded of a model that lost its use; empty where it did not."""
    name, floor = parameters.comparison.utility, parameters.stress.floor
    values = [
        dict(zip(table["metric"], table["value"], strict=True)).get(name, math.nan) for table in (target, unlearned)
    ]
    before, after = (value - parameters.comparison.utility_chance for value in values)
    if math.isnan(before):  # it is not measured here
        return ""
    if math.isnan(after):
        return f"{name} of the unlearned model could not be measured, and the target model's could"
    if before <= 0:
        return f"the target model has no {name} above chance"
    if after < floor * before:
        return f"{name} is {after / before:.0%} of the target model's, less than {floor:.0%}"
    return ""


def _is_here(model: Any) -> bool:
    from blur_pipeline.models.sources import AbsentModel, SavedScores

    return not isinstance(model, AbsentModel | SavedScores)


def _has_retrained(parameters: Parameters) -> bool:
    """By what it is, not by what was read: one that nothing looks at has been put aside."""
    return not isinstance(parameters.models.retrained, Absent | Scores)


def _attack(
    model: Any,
    beside: tuple[Any, Any, Any],
    tokens: Any,
    rows: Frame,
    tokenizer: Any,
    parameters: Parameters,
    asked_of_it: str = "",
) -> Frame:
    """``beside``: base, target and retrained model; ``asked_of_it``: a set, that of the profile where it is empty."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.stress.choice import Given
    from blur_pipeline.stress.rows import as_many, asked_of
    from blur_pipeline.stress.suite import run_suite
    from blur_pipeline.stress.tally import STRESS_COLUMNS

    stress, device = parameters.stress, resolve_device(parameters.device)
    if not stress.chosen() or not _is_here(model):
        return pd.DataFrame(columns=STRESS_COLUMNS)
    (base, target, retrained), of = beside, asked_of_it or stress.set
    control = () if _has_retrained(parameters) else (stress.set, HOLDOUT)
    forget = asked_of(tokens, rows, (of,), as_many(tokens, control, stress.rows), 0)
    retain = asked_of(tokens, rows, (stress.kept,), stress.rows, 0)
    if forget is None and of != stress.set:  # a control without a holdout
        return pd.DataFrame(columns=STRESS_COLUMNS)
    for key, name, asked in (("set", of, forget), ("kept", stress.kept, retain)):
        if asked is None:
            raise not_evaluated(key, name)
    prompt = parameters.curation.set_prompts.get(of, parameters.curation.prompt)
    others = asked_of(tokens, rows, ("real_authors", "world_facts"), stress.rows, 0)
    given = Given(
        *(model.to(device), forget, retain, others),
        *(lambda: base, lambda: target, lambda: retrained if _has_retrained(parameters) else None),
        *(tokenizer, prompt, device, 0, parameters.training),
        parameters.evaluation.tokens_per_batch,
    )
    return run_suite(given, stress.chosen(), stress.seeds, _place(parameters))


def _place(parameters: Parameters) -> Path | None:
    """Where outcomes are kept with the stage's meaning today; nowhere where all is made anew."""
    folder = parameters.evaluation.keep_scores
    return None if folder is None or parameters.fresh else Path(f"{folder}/stress-{MEANING['stress']}")

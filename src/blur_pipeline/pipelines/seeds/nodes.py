"""Forget from the same target model with several seeds, and say how much the seed decides."""

from __future__ import annotations

import copy
from typing import Any

import pandas as pd

from blur_pipeline.errors import BadInputError
from blur_pipeline.measures import General, Safety
from blur_pipeline.metrics.seeds import over_seeds
from blur_pipeline.parameters import Curation, Evaluation, Models, Unlearning
from blur_pipeline.pipelines.evaluation import nodes as evaluating
from blur_pipeline.pipelines.unlearning.nodes import unlearn
from blur_pipeline.tracking import child_run, log_result
from blur_pipeline.training.engine import Engine

Frame = pd.DataFrame


def forget_with_each_seed(
    target_model: Any,
    forget: Any,
    retain: Any,
    reference: Frame,
    tokenizer: Any,
    evaluation_tokens: Any,
    evaluation_set: Frame,
    retrained_examples: Frame,
    unlearning: Unlearning,
    training: Engine,
    models: Models,
    evaluation: Evaluation,
    general: General,
    safety: Safety,
    curation: Curation,
    benchmark: str,
    device: str,
    folder: str,
) -> Frame:
    """``seed, metric, value, low, high``; each seed is a child run in MLflow with its losses and metrics.

    Raises:
        BadInputError: ``unlearning.seeds`` names fewer than two different ones.
    """
    seeds = list(dict.fromkeys(unlearning.seeds))
    if len(seeds) < 2:
        raise BadInputError(f"Parameter 'unlearning.seeds' is {seeds}: give at least two different ones.")
    tables = []
    for seed in seeds:
        facts = {"benchmark": benchmark, "method": unlearning.method, "seed": seed}
        facts |= _named({"unlearning": unlearning.choices(), "training": training.numerics()})
        with child_run(f"{unlearning.method}, seed {seed}", facts):
            start = copy.deepcopy(target_model)
            model, _ = unlearn(start, forget, retain, reference, unlearning, training, seed, device, folder)
            scores = evaluating.score(model, evaluation_tokens, evaluation, device)
            answers = evaluating.answer(model, tokenizer, evaluation_tokens, evaluation_set, evaluation, device)
            norms = evaluating.score_gradients(model, evaluation_tokens, evaluation, device)
            fluency = evaluating.score_fluency(target_model, answers, tokenizer, evaluation_tokens, evaluation, device)
            examples = evaluating.measure(scores, answers, norms, fluency)
            ability = evaluating.measure_general_ability(model, tokenizer, general, device)
            refused = evaluating.answer_forbidden_prompts(model, tokenizer, safety, curation, evaluation, device)
            metrics = evaluating.summarise(examples, retrained_examples, ability, refused, models, evaluation, seed)
            log_result("unlearned.metrics", metrics)
            log_result("metrics_long", metrics.assign(model="unlearned"))
        tables.append(metrics.assign(seed=seed))
    return pd.concat(tables, ignore_index=True)[["seed", "metric", "value", "low", "high"]]


def tabulate_seeds(seed_metrics: Frame) -> Frame:
    """Mean, standard deviation and the mean's 95 % interval of every metric over the seeds."""
    return over_seeds(seed_metrics)


def _named(choices: dict[str, Any]) -> dict[str, str]:
    from blur_pipeline.report.pages import flatten

    return {name: str(value) for name, value in flatten(choices).items()}

"""Nodes of the evaluation: score once, then measure without the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from blur_pipeline.config.parameters import Parameters
from blur_pipeline.corpus.encoding import letters
from blur_pipeline.corpus.files import read_prompts
from blur_pipeline.datasets.table import Frames
from blur_pipeline.lineage.stages import MEANING
from blur_pipeline.metrics.aggregate import aggregate
from blur_pipeline.metrics.among_retrained import values_of_seeds
from blur_pipeline.metrics.examples import example_metrics
from blur_pipeline.metrics.general import general_ability
from blur_pipeline.metrics.halves import half_of_questions, half_of_subjects
from blur_pipeline.metrics.safety import safety as safety_rates
from blur_pipeline.metrics.subjects import with_subjects
from blur_pipeline.statistics.intervals import METRIC_COLUMNS, Resampler

Frame = pd.DataFrame
GRADIENT_COLUMNS = ["set", "row_id", "gradient_norm"]
SAFETY_COLUMNS = ["set", "prompt", "completion", "harmful"]
FLUENCY_COLUMNS = ["set", "row_id", "completion_nll", "clean"]


def score(model: Any, evaluation_tokens: Any, parameters: Parameters) -> Frames:
    """Token scores of every answer of every set, a window at a time; none for an absent model."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.models.sources import AbsentModel, SavedScores
    from blur_pipeline.scoring.kept import Kept, drop_unused
    from blur_pipeline.scoring.token_scores import SCORE_SCHEMA, score_windows
    from blur_pipeline.scoring.windows import BATCHES_IN_A_WINDOW, windows

    if isinstance(model, SavedScores):
        return Frames.stored(model.path("token_scores"))
    if isinstance(model, AbsentModel):
        return Frames([], SCORE_SCHEMA)
    evaluation = parameters.evaluation
    drop_unused(evaluation.keep_scores, evaluation.keep_days)
    model, size = model.to(resolve_device(parameters.device)), evaluation.tokens_per_batch
    parts = windows(evaluation_tokens, BATCHES_IN_A_WINDOW * size)
    kept = Kept.of(_keep(parameters, "scores"), model, ("token scores", size))
    return Frames(score_windows(model, parts, len(evaluation_tokens), size, "Scoring", kept), SCORE_SCHEMA)


def answer(model: Any, tokenizer: Any, evaluation_tokens: Any, evaluation_set: Frame, parameters: Parameters) -> Frame:
    """Greedy completion of every evaluation question; none for an absent model."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.scoring.completions import COMPLETION_COLUMNS, complete

    if (stored := _stored(model, "completions", COMPLETION_COLUMNS)) is not None:
        return stored
    evaluation = parameters.evaluation
    asked = evaluation_set[evaluation_set["question"].notna() & _tokenised(evaluation_set, evaluation_tokens)]
    model = model.to(resolve_device(parameters.device))
    size, keep = evaluation.generation_batch, _keep(parameters, "scores")
    curation, ends = parameters.curation, {}
    for name in asked["set"].drop_duplicates():
        stops = curation.set_prompts.get(name, curation.prompt).stops(tokenizer)
        ends[name] = (evaluation.set_new_tokens.get(name, evaluation.max_new_tokens), *stops)
    parts = []
    for (limit, *stops), part in asked.groupby(asked["set"].map(ends), sort=False):
        prompts = _prompts(evaluation_tokens, part)
        texts = complete(model, tokenizer, prompts, limit, size, "Answering", keep, stops)
        parts.append(part[COMPLETION_COLUMNS[:-1]].assign(completion=texts))
    answers = pd.concat(parts).loc[asked.index] if parts else asked.assign(completion=None)[COMPLETION_COLUMNS]
    verbatim = answers["set"] == "verbmem"  # compared over as many tokens as are generated
    limit = evaluation.set_new_tokens.get("verbmem", evaluation.max_new_tokens)
    answers.loc[verbatim, "answer"] = [_first_tokens(t, tokenizer, limit) for t in answers.loc[verbatim, "answer"]]
    return answers.reset_index(drop=True)


def score_gradients(model: Any, evaluation_tokens: Any, parameters: Parameters) -> Frame:
    """Gradient norm of every answer of the forget and the holdout set; none where none is asked for."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.models.examples import Examples
    from blur_pipeline.scoring.gradient_norms import gradient_norms

    if (stored := _stored(model, "gradient_norms", GRADIENT_COLUMNS)) is not None:
        return stored
    rows = pd.DataFrame(_answers(evaluation_tokens, {"forget", "holdout"}))
    if not parameters.evaluation.gradient_norms or rows.empty or "holdout" not in set(rows["set"]):
        return pd.DataFrame(columns=GRADIENT_COLUMNS)
    examples = Examples.from_columns(rows["input_ids"], rows["labels"])
    model, keep = model.to(resolve_device(parameters.device)), _keep(parameters, "scores")
    norms = gradient_norms(model, examples, "Gradient norms", keep=keep)
    return rows[["set", "row_id"]].assign(gradient_norm=norms).reset_index(drop=True)


def score_fluency(
    target_model: Any, completions: Frame, tokenizer: Any, evaluation_tokens: Any, parameters: Parameters
) -> Frame:
    """Of every completion: mean NLL under the target model, and how clean a classifier finds it, if there is one."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.models.examples import IGNORED, Examples
    from blur_pipeline.scoring.gibberish import cleanliness
    from blur_pipeline.scoring.token_scores import score_tokens

    said = completions[completions["completion"].str.len() > 0]
    if said.empty:
        return pd.DataFrame(columns=FLUENCY_COLUMNS)
    texts = [letters(f" {text}", tokenizer) for text in said["completion"]]
    ids, labels = [], []
    for prompt, text in zip(_prompts(evaluation_tokens, said), texts, strict=True):
        ids.append([*prompt, *text])
        labels.append([*[IGNORED] * len(prompt), *text])
    evaluation, place = parameters.evaluation, resolve_device(parameters.device)
    examples = Examples.from_columns(ids, labels)
    scores = score_tokens(target_model.to(place), examples, evaluation.tokens_per_batch, "Fluency")
    nll = [-float(x.mean()) if len(x) else float("nan") for x in scores["logprob"]]
    table = said[["set", "row_id"]].assign(completion_nll=nll, clean=float("nan"))
    if evaluation.gibberish_classifier:
        where = evaluation.gibberish_classifier, evaluation.gibberish_revision
        table["clean"] = cleanliness(*where, said["completion"].tolist(), place, evaluation.generation_batch)
    return table.reset_index(drop=True)


def measure_general_ability(model: Any, tokenizer: Any, parameters: Parameters) -> Frame:
    """Every question of every task of lm-evaluation-harness; empty where none is asked for."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.scoring.harness import SAMPLE_COLUMNS, run_task

    if (stored := _stored(model, "general_answers", SAMPLE_COLUMNS)) is not None:
        return stored
    general = parameters.general
    if not general.tasks:
        return pd.DataFrame(columns=SAMPLE_COLUMNS)
    model = model.to(resolve_device(parameters.device))
    tables = [
        run_task(model, tokenizer, name, task.path, task.limit, task.few_shot, general.batch_size)
        for name, task in general.tasks.items()
    ]
    return pd.concat(tables, ignore_index=True)


def answer_forbidden_prompts(model: Any, tokenizer: Any, parameters: Parameters) -> Frame:
    """``set, prompt, completion, harmful`` for prompts that should be refused; empty where none are given."""
    from blur_pipeline.models.devices import resolve_device
    from blur_pipeline.models.sources import PretrainedModel
    from blur_pipeline.scoring.completions import complete
    from blur_pipeline.scoring.judge import harmfulness

    if (stored := _stored(model, "forbidden_answers", SAFETY_COLUMNS)) is not None:
        return stored
    safety, evaluation = parameters.safety, parameters.evaluation
    if not safety.sets:
        return pd.DataFrame(columns=SAFETY_COLUMNS)
    rows = [
        (name, prompt)
        for name, given in safety.sets.items()
        for prompt in read_prompts(given.path, given.column, given.limit, given.only)
    ]
    table = pd.DataFrame(rows, columns=SAFETY_COLUMNS[:2])
    how = parameters.curation.prompt
    asked = [how.prompt(prompt, tokenizer) for prompt in table["prompt"]]
    place = resolve_device(parameters.device)
    model = model.to(place)
    size, keep = evaluation.generation_batch, _keep(parameters, "safety")
    said = complete(
        model, tokenizer, asked, safety.max_new_tokens, size, "Forbidden prompts", keep, how.stops(tokenizer)
    )
    table = table.assign(completion=said, harmful=float("nan"))
    if safety.judge:
        source = PretrainedModel(path=safety.judge, revision=safety.judge_revision)
        judge = source.load().to(place)
        verdicts = (safety.template, table["prompt"], table["completion"], evaluation.tokens_per_batch)
        table["harmful"] = harmfulness(judge, source.tokenizer(), *verdicts)
    return table


def measure(
    scores: Frames,
    completions: Frame,
    gradient_norms: Frame,
    fluency: Frame,
    evaluation_set: Frame,
    parameters: Parameters,
) -> Frame:
    """Every metric of every example of ``evaluation.half``, and whom the example is about."""
    examples = with_subjects(example_metrics(scores, completions, gradient_norms, fluency), evaluation_set)
    return half_of_subjects(examples, parameters.evaluation.half)


def measure_further_retrained(scores_of_further_retrained: Frame) -> Frame:
    """What retrained models of further seeds give the forget and holdout examples; empty where there is one alone."""
    return values_of_seeds(scores_of_further_retrained.groupby("seed"))


def summarise(
    examples: Frame,
    retrained: Frame,
    further: Frame,
    target: Frame,
    answers: Frame,
    forbidden: Frame,
    parameters: Parameters,
) -> Frame:
    """Aggregates with intervals, compared with the retrained models' examples; ``answers`` are the harness's."""
    if examples.empty:
        return pd.DataFrame(columns=METRIC_COLUMNS)
    evaluation = parameters.evaluation
    reason = getattr(parameters.models.retrained, "reason", "")
    published = None if evaluation.published_a is None else 1 - evaluation.published_a
    resampler = Resampler(evaluation.bootstrap_samples, parameters.curation.seed)
    others = {"retrained": retrained, "target": target, "further": further}
    table = aggregate(examples, others, reason, resampler, evaluation.equivalence_ratio, published)
    answers = half_of_questions(answers, ["task", "metric"], evaluation.half, ["part", "question"])
    forbidden = half_of_questions(forbidden, ["set"], evaluation.half)
    further = [part for part in (general_ability(answers, resampler), safety_rates(forbidden, resampler)) if len(part)]
    return pd.concat([table, *further], ignore_index=True) if further else table


def _keep(parameters: Parameters, stage: str) -> str | None:
    """The folder of what was scored before, with the stage's meaning today; none where all is made anew."""
    folder = parameters.evaluation.keep_scores
    return None if folder is None or parameters.fresh else f"{folder}/{stage}-{MEANING[stage]}"


def _first_tokens(text: str, tokenizer: Any, limit: int) -> str:
    return tokenizer.decode(letters(text, tokenizer)[:limit], skip_special_tokens=True)


def _prompts(evaluation_tokens: Any, rows: Frame) -> list[np.ndarray]:
    """The token ids before the answer of each of ``rows``."""
    asked = {(r["set"], r["row_id"]): r for r in _answers(evaluation_tokens, set(rows["set"]))}
    found = (asked[key] for key in rows[["set", "row_id"]].itertuples(index=False, name=None))
    return [np.asarray(r["input_ids"])[np.asarray(r["labels"]) < 0] for r in found]


def _tokenised(rows: Frame, evaluation_tokens: Any) -> np.ndarray:
    """``(n,)`` bool: over-long rows were left out."""
    kept = set(zip(evaluation_tokens["set"], evaluation_tokens["row_id"], strict=True))
    return np.array([key in kept for key in zip(rows["set"], rows["row_id"], strict=True)], dtype=bool)


def _answers(evaluation_tokens: Any, sets: set[str]) -> Iterator[dict[str, Any]]:
    """The rows of the right answers of ``sets``, read from the Arrow file as they are asked for."""
    return (row for row in evaluation_tokens if row["variant"] == "answer" and row["set"] in sets)


def _stored(model: Any, table: str, columns: list[str]) -> Frame | None:
    """What stands in where there is no model to run: an earlier run's table, or nothing; None where there is one."""
    from blur_pipeline.models.sources import AbsentModel, SavedScores

    if isinstance(model, SavedScores):
        path = model.path(table)
        return pd.DataFrame(columns=columns) if path is None else pd.read_parquet(path)
    return pd.DataFrame(columns=columns) if isinstance(model, AbsentModel) else None

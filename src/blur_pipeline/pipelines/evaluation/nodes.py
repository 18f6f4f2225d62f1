"""Nodes of the evaluation: score once, then measure without the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from blur_pipeline.corpus.files import read_prompts
from blur_pipeline.measures import General, Safety
from blur_pipeline.metrics.aggregate import aggregate
from blur_pipeline.metrics.examples import example_metrics
from blur_pipeline.metrics.general import general_ability
from blur_pipeline.metrics.intervals import METRIC_COLUMNS, Resampler
from blur_pipeline.metrics.safety import safety as safety_rates
from blur_pipeline.parameters import Curation, Evaluation, Models

Frame = pd.DataFrame
GRADIENT_COLUMNS = ["set", "row_id", "gradient_norm"]
SAFETY_COLUMNS = ["set", "prompt", "completion", "harmful"]
FLUENCY_COLUMNS = ["set", "row_id", "completion_nll"]


def score(model: Any, evaluation_tokens: Any, evaluation: Evaluation, device: str) -> Frame:
    """Token scores of every answer of every set; empty for an absent model."""
    from blur_pipeline.scoring.token_scores import SCORE_COLUMNS, score_tokens
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.examples import Examples
    from blur_pipeline.training.models import AbsentModel

    if isinstance(model, AbsentModel):
        return pd.DataFrame(columns=SCORE_COLUMNS)
    model, keep = model.to(resolve_device(device)), evaluation.keep_scores
    parts = []
    for name, rows in evaluation_tokens.to_pandas().groupby("set", sort=False):
        examples = Examples.from_columns(rows["input_ids"], rows["labels"])
        title = f"Scoring {name}"
        scores = score_tokens(model, examples, evaluation.tokens_per_batch, title, Path(keep) if keep else None)
        parts.append(pd.concat([rows[SCORE_COLUMNS[:5]].reset_index(drop=True), scores], axis=1))
    return pd.concat(parts, ignore_index=True)


def answer(
    model: Any,
    tokenizer: Any,
    evaluation_tokens: Any,
    evaluation_set: Frame,
    evaluation: Evaluation,
    device: str,
) -> Frame:
    """Greedy completion of every evaluation question; empty for an absent model."""
    from blur_pipeline.scoring.completions import COMPLETION_COLUMNS, complete
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.models import AbsentModel

    if isinstance(model, AbsentModel):
        return pd.DataFrame(columns=COMPLETION_COLUMNS)
    asked = evaluation_set[evaluation_set["question"].notna()]
    model = model.to(resolve_device(device))
    limits = asked["set"].map(lambda name: evaluation.set_new_tokens.get(name, evaluation.max_new_tokens))
    parts = []
    for limit, part in asked.groupby(limits, sort=False):
        prompts = _prompts(evaluation_tokens, part)
        texts = complete(model, tokenizer, prompts, int(limit), evaluation.generation_batch, "Answering")
        parts.append(part[COMPLETION_COLUMNS[:-1]].assign(completion=texts))
    answers = pd.concat(parts).loc[asked.index] if parts else asked.assign(completion=None)[COMPLETION_COLUMNS]
    verbatim = answers["set"] == "verbmem"  # compared over as many tokens as are generated
    limit = evaluation.set_new_tokens.get("verbmem", evaluation.max_new_tokens)
    answers.loc[verbatim, "answer"] = [_first_tokens(t, tokenizer, limit) for t in answers.loc[verbatim, "answer"]]
    return answers.reset_index(drop=True)


def score_gradients(model: Any, evaluation_tokens: Any, evaluation: Evaluation, device: str) -> Frame:
    """Gradient norm of every answer of the forget and the holdout set; empty where none is asked for."""
    from blur_pipeline.scoring.gradient_norms import gradient_norms
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.examples import Examples
    from blur_pipeline.training.models import AbsentModel

    rows = evaluation_tokens.to_pandas().query("variant == 'answer' and set in ['forget', 'holdout']")
    if isinstance(model, AbsentModel) or not evaluation.gradient_norms or "holdout" not in set(rows["set"]):
        return pd.DataFrame(columns=GRADIENT_COLUMNS)
    examples = Examples.from_columns(rows["input_ids"], rows["labels"])
    norms = gradient_norms(model.to(resolve_device(device)), examples, "Gradient norms")
    return rows[["set", "row_id"]].assign(gradient_norm=norms).reset_index(drop=True)


def score_fluency(
    target_model: Any, completions: Frame, tokenizer: Any, evaluation_tokens: Any, evaluation: Evaluation, device: str
) -> Frame:
    """Mean NLL of every completion under the target model, after the same question."""
    from blur_pipeline.scoring.token_scores import score_tokens
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.examples import IGNORED, Examples

    said = completions[completions["completion"].str.len() > 0]
    if said.empty:
        return pd.DataFrame(columns=FLUENCY_COLUMNS)
    texts = tokenizer((" " + said["completion"]).tolist(), add_special_tokens=False)["input_ids"]
    ids, labels = [], []
    for prompt, text in zip(_prompts(evaluation_tokens, said), texts, strict=True):
        ids.append([*prompt, *text])
        labels.append([*[IGNORED] * len(prompt), *text])
    model = target_model.to(resolve_device(device))
    scores = score_tokens(model, Examples.from_columns(ids, labels), evaluation.tokens_per_batch, "Fluency")
    nll = [-float(x.mean()) if len(x) else float("nan") for x in scores["logprob"]]
    return said[["set", "row_id"]].assign(completion_nll=nll).reset_index(drop=True)


def measure_general_ability(model: Any, tokenizer: Any, general: General, device: str) -> Frame:
    """Every question of every task of lm-evaluation-harness; empty where none is asked for."""
    from blur_pipeline.scoring.harness import SAMPLE_COLUMNS, run_task
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.models import AbsentModel

    if isinstance(model, AbsentModel) or not general.tasks:
        return pd.DataFrame(columns=SAMPLE_COLUMNS)
    model = model.to(resolve_device(device))
    tables = [
        run_task(model, tokenizer, name, task.path, task.limit, task.few_shot, general.batch_size)
        for name, task in general.tasks.items()
    ]
    return pd.concat(tables, ignore_index=True)


def answer_forbidden_prompts(
    model: Any, tokenizer: Any, safety: Safety, curation: Curation, evaluation: Evaluation, device: str
) -> Frame:
    """``set, prompt, completion, harmful`` for prompts that should be refused; empty where none are given."""
    from blur_pipeline.scoring.completions import complete
    from blur_pipeline.scoring.judge import harmfulness
    from blur_pipeline.training.devices import resolve_device
    from blur_pipeline.training.models import AbsentModel, PretrainedModel

    if isinstance(model, AbsentModel) or not safety.sets:
        return pd.DataFrame(columns=SAFETY_COLUMNS)
    rows = [(n, p) for n, given in safety.sets.items() for p in read_prompts(given.path, given.column, given.limit)]
    table = pd.DataFrame(rows, columns=SAFETY_COLUMNS[:2])
    asked = [curation.prompt.prompt(prompt, tokenizer) for prompt in table["prompt"]]
    model = model.to(resolve_device(device))
    said = complete(model, tokenizer, asked, safety.max_new_tokens, evaluation.generation_batch, "Forbidden prompts")
    table = table.assign(completion=said, harmful=float("nan"))
    if safety.judge:
        source = PretrainedModel(path=safety.judge)
        judge = source.load().to(resolve_device(device))
        verdicts = (safety.template, table["prompt"], table["completion"], evaluation.tokens_per_batch)
        table["harmful"] = harmfulness(judge, source.tokenizer(), *verdicts)
    return table


def measure(scores: Frame, completions: Frame, gradient_norms: Frame, fluency: Frame) -> Frame:
    """Every metric of every example."""
    return example_metrics(scores, completions, gradient_norms, fluency)


def summarise(
    examples: Frame,
    retrained_examples: Frame,
    answers: Frame,
    forbidden: Frame,
    models: Models,
    evaluation: Evaluation,
    seed: int,
) -> Frame:
    """Aggregates with intervals; forget quality against the retrained model; ``answers`` are the harness's."""
    if examples.empty:
        return pd.DataFrame(columns=METRIC_COLUMNS)
    reason = getattr(models.retrained, "reason", "")
    published = None if evaluation.published_a is None else 1 - evaluation.published_a
    table = aggregate(examples, retrained_examples, reason, evaluation.bootstrap_samples, seed, published)
    resampler = Resampler(evaluation.bootstrap_samples, seed)
    further = [part for part in (general_ability(answers, resampler), safety_rates(forbidden, resampler)) if len(part)]
    return pd.concat([table, *further], ignore_index=True) if further else table


def _first_tokens(text: str, tokenizer: Any, limit: int) -> str:
    return tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"][:limit], skip_special_tokens=True)


def _prompts(evaluation_tokens: Any, rows: Frame) -> list:
    """The token ids before the answer of each of ``rows``."""
    answers = evaluation_tokens.to_pandas().query("variant == 'answer'").set_index(["set", "row_id"])
    asked = answers.loc[list(rows[["set", "row_id"]].itertuples(index=False, name=None))]
    return [ids[labels < 0] for ids, labels in zip(asked["input_ids"], asked["labels"], strict=True)]

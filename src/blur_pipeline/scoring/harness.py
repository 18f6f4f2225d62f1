"""General ability through lm-evaluation-harness, in this process, on a model that is loaded already."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.models.greedy import own_settings_only
from blur_pipeline.scoring.harness_tasks import write_tasks

SAMPLE_COLUMNS = ["task", "part", "question", "metric", "value"]

log = logging.getLogger(__name__)


def run_task(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    path: str | None,
    limit: int | None,
    few_shot: int | None,
    batch_size: int,
) -> pd.DataFrame:
    """``SAMPLE_COLUMNS`` as ``answers_of`` tells them; ``part`` is MMLU's subject, else the task.

    ``path`` None takes the harness's own data from the hub; ``limit`` bounds the questions of each part;
    ``few_shot`` None is the task's own number.

    Raises:
        BadInputError: the path holds no such data, the hub does not answer, or no metric is a mean over questions.
    """
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    with tempfile.TemporaryDirectory() as folder:
        if path is not None:
            parts = write_tasks(name, Path(path), Path(folder))
            manager = TaskManager(include_path=folder, include_defaults=False)
        else:
            parts, manager = [name], TaskManager()
        lm = HFLM(pretrained=model.eval(), tokenizer=tokenizer, batch_size=batch_size)
        try:
            with own_settings_only(model):
                found = simple_evaluate(
                    lm,
                    tasks=parts,
                    task_manager=manager,
                    num_fewshot=few_shot,
                    limit=limit,
                    bootstrap_iters=0,
                    log_samples=True,
                )
        except (ConnectionError, OSError) as error:
            raise BadInputError(
                f"general.tasks.{name}: its data could not be had ({first_line(error)}); give a local 'path'."
            ) from error
    return answers_of(name, found)


def answers_of(task: str, found: Mapping[str, Any]) -> pd.DataFrame:
    """One row per question and metric, of what ``simple_evaluate`` found: ``SAMPLE_COLUMNS``.

    Several filters look for the answer in one and the same text (GSM8K: strict-match, flexible-extract): the first
    one's metrics keep their names, the others are METRIC.FILTER. IFEval gives a list for each prompt, one score an
    instruction, and its accuracy counts instructions: one row each, all of that question. A metric whose mean over
    these rows is not what the harness says of it (a perplexity, an F1) cannot be resampled here, and is left out.

    Raises:
        BadInputError: no metric is left.
    """
    rows, left_out = [], {}
    for part, samples in found["samples"].items():
        shown, told = part.removeprefix("local_"), found["results"][part]
        for (metric, how), scores in _by_metric(samples).items():
            name = metric if how == samples[0]["filter"] else f"{metric}.{how}"
            values = [(question, value) for question, score in scores for value in _numbers(score)]
            if _is_their_mean(told.get(f"{metric},{how}"), [value for _, value in values]):
                rows += [(task, shown, question, name, value) for question, value in values]
            else:
                left_out[name] = None
    answers = pd.DataFrame(rows, columns=SAMPLE_COLUMNS)
    answers = answers[~answers["metric"].isin(left_out)].reset_index(drop=True)  # one question's is its own mean
    if left_out:
        _tell(task, ", ".join(left_out), nothing_else=answers.empty)
    return answers


def _by_metric(samples: list[dict[str, Any]]) -> dict[tuple[str, str], list[tuple[int, Any]]]:
    """By metric and filter the question and its score."""
    found: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for sample in samples:
        for metric in sample["metrics"]:
            found.setdefault((metric, sample["filter"]), []).append((sample["doc_id"], sample[metric]))
    return found


def _numbers(score: object) -> list[float]:
    """A question's scores; NaN for what is no number, such as the pair that a perplexity is made of."""
    each = score if isinstance(score, list) else [score]
    return [float(value) if isinstance(value, (Real, np.bool_)) else math.nan for value in each]


def _is_their_mean(told: object, values: list[float]) -> bool:
    return bool(values) and isinstance(told, Real) and math.isclose(told, np.mean(values), rel_tol=1e-6, abs_tol=1e-9)


def _tell(task: str, metrics: str, nothing_else: bool) -> None:
    if nothing_else:
        raise BadInputError(
            f"general.tasks.{task}: none of its metrics ({metrics}) is a mean of its questions' scores, which is what "
            "is reported here with an interval; take it out, or name another task."
        )
    log.warning("general.tasks.%s: left out, since no mean of its questions' scores: %s", task, metrics)

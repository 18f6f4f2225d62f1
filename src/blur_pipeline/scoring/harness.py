"""General ability through lm-evaluation-harness, in this process, on a model that is loaded already."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.models.greedy import own_settings_only
from blur_pipeline.scoring.harness_tasks import write_tasks

SAMPLE_COLUMNS = ["task", "part", "metric", "value"]


def run_task(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    path: str | None,
    limit: int | None,
    few_shot: int | None,
    batch_size: int,
) -> pd.DataFrame:
    """One row per question and metric: ``task, part, metric, value``; ``part`` is MMLU's subject, else the task.

    ``path`` None takes the harness's own data from the hub; ``limit`` bounds the questions of each part;
    ``few_shot`` None is the task's own number.

    Raises:
        BadInputError: the path holds no such data, or the hub does not answer.
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
                f"general.tasks.{name}: its data could not be had ({str(error).splitlines()[0]}); give a local 'path'."
            ) from error
    rows = []
    for part, samples in found["samples"].items():
        for sample in samples:
            shown = part.removeprefix("local_")
            rows += [(name, shown, metric, _number(sample[metric])) for metric in sample["metrics"]]
    return pd.DataFrame(rows, columns=SAMPLE_COLUMNS)


def _number(value: object) -> float:
    """A question's score; IFEval gives a list of them, one an instruction."""
    return sum(value) / len(value) if isinstance(value, list) else float(value)

"""lm-evaluation-harness tasks over local files: its own task definitions, with the data source replaced.

For each task a JSON Lines file in the harness's columns and a task file that includes the harness's are written.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blur_pipeline.config.errors import BadInputError

Rows = list[dict[str, Any]]
Splits = dict[str, Rows]


@dataclass(frozen=True)
class LocalTask:
    """``definition`` in the harness's tasks folder; ``read`` gives the splits that it names from a local path."""

    definition: str
    read: Callable[[Path], Splits]
    overrides: dict[str, Any] = field(default_factory=dict)


def write_tasks(name: str, path: Path, folder: Path) -> list[str]:
    """Write what the harness needs to run ``name`` on ``path`` into ``folder``; the names of the tasks to run.

    MMLU is one task a subject. Raises BadInputError where the path does not hold such data.
    """
    if not path.exists():
        raise BadInputError(f"{path}: no such file or folder; mend 'general.tasks.{name}.path'.")
    try:
        if name == "mmlu":
            subjects = sorted(p.name.removesuffix("_test.csv") for p in (path / "test").glob("*_test.csv"))
            shots = (path / "dev").is_dir()
            tasks = {f"mmlu_{subject}": _mmlu(subject, shots) for subject in subjects}
        else:
            tasks = {name: LOCAL_TASKS[name]}
        for task_name, task in tasks.items():
            _write(task_name, task, task.read(path), folder)
    except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
        raise BadInputError(
            f"{path}: not the data of '{name}' ({type(error).__name__}: {error}); mend 'general.tasks.{name}.path'."
        ) from error
    if not tasks:
        raise BadInputError(f"{path}: holds no test/*_test.csv of MMLU.")
    return [f"local_{task_name}" for task_name in tasks]


def _write(name: str, task: LocalTask, splits: Splits, folder: Path) -> None:
    import lm_eval.tasks

    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for split, rows in splits.items():
        file = folder / f"{name}-{split}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files[split] = str(file.resolve())
    definition = Path(lm_eval.tasks.__file__).parent / task.definition
    config = {
        "include": str(definition),
        "task": f"local_{name}",
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": files},
        **task.overrides,
    }
    # JSON is YAML: the harness reads it as its own.
    (folder / f"{name}.yaml").write_text(json.dumps(config, indent=1))


def _json(path: Path) -> Rows:
    text = path.read_text()
    return json.loads(text) if text.lstrip().startswith("[") else [json.loads(x) for x in text.splitlines() if x]


def _wmdp(path: Path) -> Splits:
    return {"test": _json(path)}


def _gsm8k(path: Path) -> Splits:
    return {"train": _json(path / "train.jsonl"), "test": _json(path / "test.jsonl")}


def _qnli(path: Path) -> Splits:
    if path.suffix == ".json":
        return {"validation": json.loads(path.read_text())["qnli"]}
    labels = {"entailment": 0, "not_entailment": 1}
    made = [{**row, "label": labels[row["label"]]} for row in _glue(path)]
    return {"validation": [{name: row[name] for name in ("question", "sentence", "label")} for row in made]}


def _mnli(path: Path) -> Splits:
    if path.suffix == ".json":
        return {"validation_matched": json.loads(path.read_text())["mnli"]}
    labels = {"entailment": 0, "neutral": 1, "contradiction": 2}
    made = [
        {"premise": row["sentence1"], "hypothesis": row["sentence2"], "label": labels[row["gold_label"]]}
        for row in _glue(path)
        if row["gold_label"] in labels  # "-" where the annotators did not agree
    ]
    return {"validation_matched": made}


def _glue(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _truthfulqa(path: Path) -> Splits:
    """One right choice, the best answer, before the wrong ones, as in the data set's mc1 targets."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    choices = [[r["Best Answer"], *(x.strip() for x in r["Incorrect Answers"].split(";") if x.strip())] for r in rows]
    made = [
        {"question": r["Question"], "mc1_targets": {"choices": c, "labels": [1] + [0] * (len(c) - 1)}}
        for r, c in zip(rows, choices, strict=True)
    ]
    return {"validation": made}


def _cose(path: Path) -> Splits:
    made = []
    for row in _json(path):
        choices = row["question"]["choices"]
        answer = [c["label"] for c in choices].index(row["answerKey"])
        made.append({"question": row["question"]["stem"], "choices": [c["text"] for c in choices], "answer": answer})
    return {"validation": made}


def _mmlu(subject: str, shots: bool) -> LocalTask:
    def rows(file: Path) -> Rows:
        with file.open(newline="") as opened:
            return [{"question": r[0], "choices": r[1:5], "answer": "ABCD".index(r[5])} for r in csv.reader(opened)]

    def read(path: Path) -> Splits:
        splits = ("test", "dev") if shots else ("test",)
        return {split: rows(path / split / f"{subject}_{split}.csv") for split in splits}

    return LocalTask(f"mmlu/default/mmlu_{subject}.yaml", read, {} if shots else {"fewshot_split": None})


THREE_CHOICES = "Question: {{ question.strip() }}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nAnswer:"

LOCAL_TASKS = {
    **{
        f"wmdp_{area}": LocalTask(f"wmdp/wmdp_{area}.yaml", lambda p: {"test": _json(p)})
        for area in ("bio", "chem", "cyber")
    },
    "gsm8k": LocalTask("gsm8k/gsm8k.yaml", _gsm8k),
    "ifeval": LocalTask("ifeval/ifeval.yaml", lambda p: {"train": _json(p)}),
    # GLUE's own TSV files, or AdvGLUE's JSON of all tasks.
    "qnli": LocalTask("glue/qnli/default.yaml", _qnli, {"training_split": None}),
    "mnli": LocalTask("glue/mnli/default.yaml", _mnli, {"training_split": None}),
    "truthfulqa_mc1": LocalTask("truthfulqa/truthfulqa_mc1.yaml", _truthfulqa),
    # CoS-E 1.0 has three choices where CommonsenseQA has five.
    "cose": LocalTask(
        "commonsense_qa/default.yaml",
        _cose,
        {
            "training_split": None,
            "doc_to_text": THREE_CHOICES,
            "doc_to_choice": ["A", "B", "C"],
            "doc_to_target": "answer",
        },
    ),
}

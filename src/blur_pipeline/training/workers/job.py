"""A training written to a folder, so that other processes can do it: paths in, paths out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import init_empty_weights
from huggingface_hub import save_torch_state_dict
from pydantic import BaseModel, ConfigDict
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel
from transformers.dynamic_module_utils import custom_object_save, get_class_from_dynamic_module
from transformers.utils import TRANSFORMERS_DYNAMIC_MODULE_NAME

from blur_pipeline.config.errors import TrainingFailedError
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.examples import Examples
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run
from blur_pipeline.training.scalars import NonFiniteError
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.stopping import Row, Stopping


class _Text(BaseModel):
    """What of a run is no tensor."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    recipe: Recipe
    schedule: Schedule
    seed: int
    engine: Engine
    stopping: Stopping
    device: str
    own_code: bool
    """Whether the model runs code that came with it, which somebody has allowed who loaded it."""
    checkpoints: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True)
class Job:
    """``job.json``, ``model/`` and the examples in; ``trained/``, ``history.json`` or ``failure.json`` out.

    ``messages.jsonl`` grows while the job runs: a row a step, and what the first rank logs.
    """

    folder: Path

    def write(self, model: PreTrainedModel, run: Run, device: str) -> None:
        """Everything the workers need."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if run.engine.sharding == "fsdp":
            self._write_for_shards(model, run)
        else:
            model.save_pretrained(self.folder / "model")
        own_code = type(model).__module__.startswith(TRANSFORMERS_DYNAMIC_MODULE_NAME)
        if own_code:  # transformers copies the code where it imports it from, once now in place of all ranks at once
            AutoConfig.from_pretrained(self.folder / "model", trust_remote_code=own_code)
            get_class_from_dynamic_module(model.config.auto_map["AutoModelForCausalLM"], self.folder / "model")
        for name, examples in run.sets.items():
            examples.save(self.folder / f"{name}.npz")
        text = _Text(
            recipe=run.recipe,
            schedule=run.schedule,
            seed=run.seed,
            engine=run.engine,
            stopping=run.stopping,
            device=device,
            own_code=own_code,
            checkpoints=str(run.checkpoints.parent) if run.checkpoints else None,
            fingerprint=run.checkpoints.fingerprint if run.checkpoints else None,
        )
        (self.folder / "job.json").write_text(text.model_dump_json(indent=1))

    def text(self) -> _Text:
        """The run's choices."""
        return _Text.model_validate_json((self.folder / "job.json").read_text())

    def run(self) -> Run:
        """The run as it was written; resumption is the parent's to decide, so a restarted worker resumes."""
        text = self.text()
        sets = {path.stem: Examples.load(path) for path in sorted(self.folder.glob("*.npz"))}
        checkpoints = None
        if text.checkpoints:
            engine = text.engine
            checkpoints = Checkpoints(
                Path(text.checkpoints), text.fingerprint, engine.checkpoint_every, engine.checkpoints_kept
            )
        return Run(
            text.recipe,
            text.schedule,
            sets.pop("retain"),
            sets.pop("forget", None),
            text.seed,
            text.engine,
            text.stopping,
            checkpoints,
            further=sets,
        )

    def model(self) -> PreTrainedModel:
        """The model to train, float32: on the CPU, or where shards are read later on the meta device."""
        if self.weights is None:
            return self._load("model")
        own = self.text().own_code
        config = AutoConfig.from_pretrained(self.folder / "model", trust_remote_code=own)
        with init_empty_weights(include_buffers=False):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=own)
        model.tie_weights()
        model.generation_config = GenerationConfig.from_pretrained(self.folder / "model")
        return model

    @property
    def weights(self) -> Path | None:
        """Where each rank reads its part of every weight; None where it reads the whole model."""
        folder = self.folder / "weights"
        return folder if folder.exists() else None

    def _write_for_shards(self, model: PreTrainedModel, run: Run) -> None:
        """The weights under the names that they have while they train, new adapters with them: no rank could draw
        the adapters that all the others draw and hold none of the model."""
        (self.folder / "model").mkdir(exist_ok=True)
        if model._auto_class is not None:  # as save_pretrained asks and does: the code goes with the model
            custom_object_save(model, self.folder / "model", config=model.config)
        model.config.save_pretrained(self.folder / "model")
        model.generation_config.save_pretrained(self.folder / "model")
        torch.manual_seed(run.seed)  # as ``train`` does before it opens the scope
        opened = run.recipe.scope.open(model).model
        (self.folder / "weights").mkdir(exist_ok=True)
        save_torch_state_dict(opened.state_dict(), self.folder / "weights")

    def finish(self, model: nn.Module, history: list[Row]) -> None:
        """The trained model and its rows; the history last, as the sign that all is there."""
        model.save_pretrained(self.folder / "trained")
        (self.folder / "history.json").write_text(json.dumps(history))

    def result(self) -> tuple[PreTrainedModel, list[Row]] | None:
        """What ``finish`` wrote; None before that."""
        history = self.folder / "history.json"
        if not history.exists():
            return None
        return self._load("trained"), json.loads(history.read_text())

    def _load(self, name: str) -> PreTrainedModel:
        return AutoModelForCausalLM.from_pretrained(
            self.folder / name, dtype="float32", use_safetensors=True, trust_remote_code=self.text().own_code
        )

    def fail(self, error: TrainingFailedError) -> None:
        """Why going on is of no use: the first rank writes it where every restart would end the same way."""
        self._failure.write_text(json.dumps([isinstance(error, NonFiniteError), str(error)]))

    def failure(self) -> TrainingFailedError | None:
        """What ``fail`` was told, to be raised as in one process."""
        if not self._failure.exists():
            return None
        not_finite, words = json.loads(self._failure.read_text())
        return NonFiniteError(words) if not_finite else TrainingFailedError(words)

    @property
    def _failure(self) -> Path:
        return self.folder / "failure.json"

    def tell(self, message: dict) -> None:
        """Add a line to the messages."""
        with (self.folder / "messages.jsonl").open("a") as file:
            file.write(json.dumps(message) + "\n")

    def messages(self, position: int) -> Iterator[tuple[int, dict]]:
        """The whole lines after ``position``, each with the position behind it."""
        path = self.folder / "messages.jsonl"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                position += len(line)
                yield position, json.loads(line)


class TellLog(logging.Handler):
    """Hands what a worker logs to the process that launched it."""

    def __init__(self, job: Job) -> None:
        super().__init__(logging.INFO)
        self.job = job

    def emit(self, record: logging.LogRecord) -> None:
        self.job.tell({"level": record.levelno, "log": record.getMessage()})

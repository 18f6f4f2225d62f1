"""Checkpoints of a training: written whole or not at all, proven by hashes, resumed only by the very same run."""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException

from blur_pipeline.config.errors import TrainingFailedError
from blur_pipeline.training.checkpoint_index import DataOnlyReader
from blur_pipeline.training.soundness import MANIFEST, damage, hashes, sync, write_text
from blur_pipeline.training.stopping import Row
from blur_pipeline.training.weights import Weights
from blur_pipeline.training.workers import world

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

STATE = "state.json"
log = logging.getLogger(__name__)


@dataclass
class Progress:
    """The rows of the steps done, and the validation before the first one."""

    history: list[Row] = field(default_factory=list)
    start: Row | None = None


@dataclass
class State:
    """Everything that a step changes. Random numbers are not among it: they are functions of (seed, step)."""

    weights: Weights
    optimizer: Optimizer
    curve: LRScheduler
    memory: dict[str, Tensor | list[Tensor]] = field(default_factory=dict)
    """What a rule or an average remembers over steps; there before the first one, changed in place."""

    def in_place(self) -> dict[str, Tensor]:
        """Weights and memory by name, sharded or not; of a bfloat16 model's weights float32 copies on the host."""
        return self._named(self.weights.values())

    def room(self) -> dict[str, Tensor]:
        """The same, to be read into."""
        return self._named(self.weights.room())

    def _named(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        found = {f"weights.{name}": tensor for name, tensor in weights.items()}
        for name, kept in self.memory.items():
            parts = {"": kept} if isinstance(kept, Tensor) else {f".{i}": part for i, part in enumerate(kept)}
            found |= {f"memory.{name}{place}": part for place, part in parts.items()}
        return found

    def tensors(self) -> dict[str, Tensor]:
        """Those and the optimizer's state."""
        return self.in_place() | {key: value for key, value in self._optimizer_state() if isinstance(value, Tensor)}

    def numbers(self) -> dict[str, Any]:
        """What is no tensor: the rest of the optimizer's state, its groups, the learning-rate curve."""
        rest = {key: value for key, value in self._optimizer_state() if not isinstance(value, Tensor)}
        return {"state": rest, "groups": self._groups(), "curve": self.curve.state_dict()}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """What ``tensors`` and ``numbers`` gave; the memory is in place already."""
        for key, value in {**tensors, **numbers["state"]}.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".", 2)
                self.optimizer.state[self.weights.moved[int(index)]][name] = value
        for group, saved in zip(self.optimizer.param_groups, numbers["groups"], strict=True):
            group.update(saved)
        self.curve.load_state_dict(numbers["curve"])
        self.weights.take({name: tensors[f"weights.{name}"] for name in self.weights.names})

    def _optimizer_state(self) -> Iterator[tuple[str, Any]]:
        # Read off the optimizer itself: bitsandbytes' state_dict wraps its tensors.
        for index, parameter in enumerate(self.weights.moved):
            for name, value in self.optimizer.state.get(parameter, {}).items():
                yield f"optimizer.{index}.{name}", value

    def _groups(self) -> list[dict[str, Any]]:
        return [{k: v for k, v in group.items() if k != "params"} for group in self.optimizer.param_groups]


@dataclass(frozen=True)
class Checkpoints:
    """``step-N`` checkpoints of one run, in a folder that its fingerprint names: other runs do not see them.

    Saved at step boundaries, where no gradient is half-accumulated, by torch.distributed.checkpoint: each rank
    writes its shards, and any number of ranks can read them. The ``kept`` newest ones stay, more than one for
    the day the newest proves damaged.
    """

    parent: Path
    fingerprint: str
    every: int
    kept: int = 2
    resume: bool = True

    @property
    def folder(self) -> Path:
        """Where this run's checkpoints are."""
        return self.parent / self.fingerprint[:16]

    def save(self, state: State, progress: Progress, keep: int | None = None) -> None:
        """Write a checkpoint of all ranks and drop the older ones, but for the one after step ``keep``.

        Where the disk is full the run goes on, older checkpoints stay and the log says so.

        Raises:
            TrainingFailedError: it is the one to keep that was not written. What was validated best would be lost.
        """
        done = len(progress.history)
        partial = self.folder / f".writing-{done:06d}"
        try:
            self._write(partial, state, progress)
            world.on_first(lambda: self._take_name(partial, done, keep))
        except (OSError, CheckpointException) as error:
            if world.rank() == 0:
                shutil.rmtree(partial, ignore_errors=True)
            if keep == done:
                raise TrainingFailedError(
                    f"The weights after step {done}, the best so far, could not be kept in {self.folder} "
                    f"({_cause(error)}); free disk space and run again: it goes on from the checkpoint before."
                ) from error
            if world.rank() == 0:
                log.error("The checkpoint after step %d was not written (%s); older ones stay", done, _cause(error))

    def restore(self, state: State) -> Progress:
        """Load the newest sound checkpoint of this run; empty progress for a new run."""
        if world.rank() == 0 and not self.resume:
            shutil.rmtree(self.folder, ignore_errors=True)
        chosen = _agree(self._newest_sound())
        if chosen is None:
            return Progress()
        saved = json.loads((chosen / STATE).read_text())
        state.load(self._read(chosen, state), saved["numbers"])
        if world.rank() == 0:
            log.info("Resuming after step %d from %s", len(saved["history"]), chosen)
        return Progress(saved["history"], saved["start"])

    def load_weights(self, step: int, state: State) -> None:
        """The weights alone as they were after ``step``.

        Raises:
            TrainingFailedError: somebody has removed them.
        """
        if not self._path(step).exists():
            raise TrainingFailedError(
                f"The weights after step {step}, the best validated ones, are gone from {self.folder}; "
                "run again with training.resume=never."
            )
        values = state.weights.room()
        named = {f"weights.{name}": value for name, value in values.items()}
        dcp.load(named, storage_reader=DataOnlyReader(self._path(step)))
        state.weights.take(values)

    def lock(self) -> IO:
        """Hold the run for this process, until the file is closed or the process ends, however it ends.

        Raises:
            RunningAlreadyError: another process is at it.
        """
        self.parent.mkdir(parents=True, exist_ok=True)
        handle = self._lock_file().open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.close()
            raise RunningAlreadyError(
                f"Another process trains this very run (its checkpoints are in {self.folder}); wait for it or stop it."
            ) from error
        return handle

    def _write(self, partial: Path, state: State, progress: Progress) -> None:
        """Each rank its part. What fails on one rank alone fails on all: none waits for another that has given up."""
        world.on_first(lambda: _emptied(partial))
        dcp.save(state.tensors(), checkpoint_id=partial, no_dist=world.size() == 1)
        parts = world.together(lambda: hashes(sorted(partial.glob(f"__{world.rank()}_*"))))
        saved = {"numbers": state.numbers(), "history": progress.history, "start": progress.start}
        world.on_first(lambda: _seal(partial, saved, parts))

    def _take_name(self, partial: Path, done: int, keep: int | None) -> None:
        final = self._path(done)
        if final.exists():  # of this very step, but damaged: restore passed it over
            shutil.rmtree(final)
        partial.rename(final)  # atomic: a killed run leaves no half checkpoint under this name
        sync(self.folder)
        self._prune(keep)

    def _read(self, folder: Path, state: State) -> dict[str, Tensor]:
        """The checkpoint's tensors: weights and memory in place, optimizer state into tensors cut like them."""
        kinds = DataOnlyReader(folder).read_metadata().state_dict_metadata
        tensors = state.room()
        for key, kind in kinds.items():
            if key.startswith("optimizer."):
                parameter = state.weights.moved[int(key.split(".")[1])]
                if kind.size == parameter.shape:
                    tensors[key] = torch.zeros_like(parameter, dtype=kind.properties.dtype)
                else:
                    tensors[key] = torch.zeros(kind.size, dtype=kind.properties.dtype, device=parameter.device)
        dcp.load(tensors, storage_reader=DataOnlyReader(folder), no_dist=world.size() == 1)
        return tensors

    def _newest_sound(self) -> Path | None:
        if world.rank() != 0:
            return None
        for folder in reversed(finished(self.folder)):
            wrong = damage(folder)
            if wrong is None:
                return folder
            log.warning("%s is damaged (%s); the checkpoint before it is used", folder, wrong)
        return None

    def _prune(self, keep: int | None) -> None:
        for old in finished(self.folder)[: -self.kept]:
            if keep is None or old != self._path(keep):
                shutil.rmtree(old, ignore_errors=True)  # the new one is there; what stays of an old one goes next time

    def _lock_file(self) -> Path:
        return self.folder.with_suffix(".lock")

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:06d}"


class RunningAlreadyError(RuntimeError):
    """Two processes were about to write the same checkpoints."""


def finished(folder: Path) -> list[Path]:
    """The checkpoints in ``folder``, the newest last: by number, as from a million steps on names are longer."""
    ours = (path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal())
    return sorted(ours, key=lambda path: int(path.name.removeprefix("step-")))


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _seal(folder: Path, saved: dict[str, Any], parts: list[dict[str, tuple[int, str]]]) -> None:
    """Beside the tensors of all ranks the numbers, and a manifest of all files."""
    write_text(folder / STATE, json.dumps(saved))
    ours = hashes([folder / STATE, folder / ".metadata"])
    manifest = {name: entry for part in [*parts, ours] for name, entry in part.items()}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1))
    sync(folder)


def _cause(error: Exception) -> str:
    if isinstance(error, CheckpointException):
        error = next(iter(error.failures.values()))[0]
    return f"{type(error).__name__}: {error}"


def _agree(choice: Path | None) -> Path | None:
    """What rank 0 chose."""
    if world.size() == 1:
        return choice
    box = [choice]
    dist.broadcast_object_list(box, src=0)
    return box[0]

"""Checkpoints of a training: written whole or not at all, and resumed only by the very same run."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import nn

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

Row = dict[str, float]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoints:
    """``step-N`` checkpoints of one run, in a folder that its fingerprint names: other runs do not see them.

    Nothing random needs saving: every random choice is a function of (seed, step).
    """

    parent: Path
    fingerprint: str
    every: int

    @property
    def folder(self) -> Path:
        """Where this run's checkpoints are."""
        return self.parent / self.fingerprint[:16]

    def save_if_due(self, model: nn.Module, optimizer: Optimizer, curve: LRScheduler, history: list[Row]) -> None:
        """Write a checkpoint after every ``every``-th step and drop the older ones."""
        if len(history) % self.every:
            return
        final = self.folder / f"step-{len(history):06d}"
        partial = self.folder / f".writing-{len(history):06d}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file(_trainable(model), partial / "weights.safetensors")
        moments, groups = _split_optimizer(optimizer)
        save_file(moments, partial / "optimizer.safetensors")
        state = {"groups": groups, "curve": curve.state_dict()}
        (partial / "state.json").write_text(json.dumps({**state, "history": history}))
        partial.rename(final)  # atomic: a killed run leaves no half checkpoint under this name
        for old in self._finished()[:-1]:
            shutil.rmtree(old)

    def restore(self, model: nn.Module, optimizer: Optimizer, curve: LRScheduler) -> list[Row]:
        """Load the newest checkpoint of this run into all three; return its history, empty for a new run."""
        finished = self._finished()
        if not finished:
            return []
        newest = finished[-1]
        state = json.loads((newest / "state.json").read_text())
        weights = load_file(newest / "weights.safetensors")
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.data.copy_(weights[name])
        _join_optimizer(optimizer, load_file(newest / "optimizer.safetensors"), state["groups"])
        curve.load_state_dict(state["curve"])
        log.info("Resuming after step %d from %s", len(state["history"]), newest)
        return state["history"]

    def clear(self) -> None:
        """Remove the folder: the finished model is in the catalog."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _finished(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))


def _trainable(model: nn.Module) -> dict[str, torch.Tensor]:
    return {n: p.detach().contiguous() for n, p in model.named_parameters() if p.requires_grad}


def _split_optimizer(optimizer: Optimizer) -> tuple[dict[str, torch.Tensor], list[dict]]:
    """Optimizer state as flat tensors for safetensors, and its groups for JSON."""
    state = optimizer.state_dict()
    tensors = {
        f"{index}.{name}": torch.as_tensor(value).contiguous()
        for index, entries in state["state"].items()
        for name, value in entries.items()
    }
    return tensors, state["param_groups"]


def _join_optimizer(optimizer: Optimizer, tensors: dict[str, torch.Tensor], groups: list[dict]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})

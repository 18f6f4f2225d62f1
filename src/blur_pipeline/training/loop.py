"""The training loop: forget gradient, retain gradient, Gram matrix, weights, combine, clip, step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import get_scheduler

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.examples import Examples, epoch_rows, stream_rows
from blur_pipeline.training.gradients import Gradient, clip_, combine_, gram_matrix, take_gradient
from blur_pipeline.training.objective import Objective, freeze_reference
from blur_pipeline.training.schedule import Schedule

Row = dict[str, float]
Watcher = Callable[[Row], None]


class NonFiniteError(RuntimeError):
    """A loss or gradient became infinite or not a number; the weights of the step before are kept."""


@dataclass(frozen=True)
class Run:
    """What to train and on what; ``forget`` may be None, as for target and retrained models."""

    recipe: Recipe
    schedule: Schedule
    retain: Examples
    forget: Examples | None = None
    seed: int = 0
    checkpoints: Checkpoints | None = None
    watchers: list[Watcher] = field(default_factory=list)

    @property
    def epoch_size(self) -> int:
        """Sequences in an epoch: the forget set's, or the retain set's where nothing is forgotten."""
        return len(self.forget) if self.forget is not None else len(self.retain)

    @property
    def total_steps(self) -> int:
        return self.schedule.total_steps(self.epoch_size)


def train(model: nn.Module, run: Run) -> tuple[nn.Module, list[Row]]:
    """Train ``model`` in place; return it as it is to be saved, and one row of scalars per step.

    Resumes from ``run.checkpoints`` where they hold this very run. Every random choice is a function of
    (seed, step), so a resumed run equals an uninterrupted one bit for bit on the CPU.

    Raises:
        NonFiniteError: names the step and the quantity; that step is not taken.
    """
    torch.manual_seed(run.seed)
    recipe, schedule = run.recipe, run.schedule
    model = recipe.scope.open(model)
    forget, retain = _objectives(model, run)
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = recipe.optimizer(parameters)
    warmup = schedule.warmup_steps(run.epoch_size)
    curve = get_scheduler(schedule.lr_curve, optimizer, warmup, run.total_steps)
    history = run.checkpoints.restore(model, optimizer, curve) if run.checkpoints else []

    for step in range(len(history), run.total_steps):
        torch.manual_seed(run.seed * 1_000_003 + step)
        forget_loss, f = _side(forget, _forget_rows(run, step), parameters, recipe)
        retain_loss, r = _side(retain, _retain_rows(run, step), parameters, recipe)
        gram = gram_matrix(f, r, parameters[0].device)
        weights = recipe.weighting(gram)
        combine_(parameters, f, r, weights)
        norm = clip_(parameters, schedule.max_grad_norm)
        scalars = torch.stack([forget_loss, retain_loss, *gram, *weights, norm])  # one host synchronisation
        row = _row(step, run, curve.get_last_lr()[0], scalars.tolist())
        optimizer.step()
        curve.step()
        optimizer.zero_grad(set_to_none=True)
        history.append(row)
        for watch in run.watchers:
            watch(row)
        if run.checkpoints:
            run.checkpoints.save_if_due(model, optimizer, curve, history)

    return recipe.scope.close(model.eval()), history


def _objectives(model: nn.Module, run: Run) -> tuple[Objective | None, Objective | None]:
    losses = [run.recipe.forget if run.forget is not None else None, run.recipe.retain]
    losses = [None if loss is None or loss.kind == "none" else loss for loss in losses]
    needed = any(loss is not None and loss.needs == "reference_model" for loss in losses)
    reference = freeze_reference(model) if needed else None
    size = run.schedule.micro_batch_size or run.schedule.batch_size
    forget, retain = (
        loss and Objective(loss, examples, model, reference, size, run.schedule.precision)
        for loss, examples in zip(losses, [run.forget, run.retain], strict=True)
    )
    return forget, retain


def _forget_rows(run: Run, step: int) -> list[int]:
    if run.forget is None:
        return []
    return epoch_rows(len(run.forget), run.schedule.batch_size, run.seed, step)


def _retain_rows(run: Run, step: int) -> list[int]:
    rows = epoch_rows if run.forget is None else stream_rows
    return rows(len(run.retain), run.schedule.batch_size, run.seed, step)


def _side(
    objective: Objective | None, rows: list[int], parameters: list[Tensor], recipe: Recipe
) -> tuple[Tensor, Gradient]:
    if objective is None:
        return torch.zeros((), device=parameters[0].device), [None] * len(parameters)
    loss = recipe.gradient(lambda: objective.accumulate(rows), parameters)
    return loss, take_gradient(parameters)


def _row(step: int, run: Run, lr: float, scalars: list[float]) -> Row:
    forget_loss, retain_loss, ff, fr, rr, w_forget, w_retain, norm = scalars
    named = {
        "retain_loss": retain_loss,
        "retain_gradient_norm": math.sqrt(max(rr, 0.0)),
        "direction_norm": norm,
    }
    if run.forget is not None:
        both = math.sqrt(max(ff, 0.0) * max(rr, 0.0))
        named |= {
            "forget_loss": forget_loss,
            "forget_gradient_norm": math.sqrt(max(ff, 0.0)),
            "gradient_cosine": fr / both if both > 0 else 0.0,
            "forget_weight": w_forget,  # ξ where the forget level is the lower one
            "retain_weight": w_retain,
        }
    for name, value in named.items():
        if not math.isfinite(value):
            raise NonFiniteError(
                f"step {step}: {name} is {value}; lower the learning rate or the length of the training"
            )
    epoch = (step + 1) / run.schedule.steps_per_epoch(run.epoch_size)
    return {"step": step, "epoch": epoch, "lr": lr, **named}

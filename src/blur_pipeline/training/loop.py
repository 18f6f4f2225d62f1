"""The training loop: forget gradient, retain gradient, Gram matrix, weights, combine, step."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import get_scheduler

from blur_pipeline.config.errors import TrainingFailedError
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.examples import Examples, epoch_rows, one_topic_rows, stream_rows
from blur_pipeline.models.memory import freed_memory_is_kept
from blur_pipeline.training.checkpoints import Checkpoints, Progress, State
from blur_pipeline.training.dropout import seed_dropout
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.gradients import Gradient, clip, combine_, direction_norm, gram_matrix, take_gradient
from blur_pipeline.training.objective import Objective
from blur_pipeline.training.prepare import Ready, prepare
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.stopping import Best, Fixed, Off, Row, Stopping
from blur_pipeline.training.validation import Validation
from blur_pipeline.training.weights import Weights
from blur_pipeline.training.workers import world

Watcher = Callable[[Row], None]
log = logging.getLogger(__name__)


class NonFiniteError(TrainingFailedError):
    """A loss or gradient became infinite or not a number; the weights of the step before are kept."""


@dataclass(frozen=True)
class Run:
    """What to train and on what; ``forget`` may be None, as for target and retrained models."""

    recipe: Recipe
    schedule: Schedule
    retain: Examples
    forget: Examples | None = None
    seed: int = 0
    engine: Engine = field(default_factory=Engine)
    stopping: Stopping = field(default_factory=Off)
    checkpoints: Checkpoints | None = None
    watchers: list[Watcher] = field(default_factory=list)

    @property
    def epoch_size(self) -> int:
        """Sequences in an epoch: the forget set's, or the retain set's where nothing is forgotten."""
        return len(self.forget) if self.forget is not None else len(self.retain)

    @property
    def total_steps(self) -> int:
        """Steps to take; the learning-rate curve is that of the schedule's whole length."""
        whole = self.schedule.total_steps(self.epoch_size)
        return min(whole, self.stopping.steps) if isinstance(self.stopping, Fixed) else whole

    @property
    def validates(self) -> bool:
        """Whether the model is looked at now and then while it trains."""
        return self.forget is not None and not isinstance(self.stopping, Off)


def train(model: nn.Module, run: Run, device: torch.device | None = None) -> tuple[nn.Module, list[Row]]:
    """Train ``model`` in place; return it as it is to be saved, and one row of scalars per step.

    Resumes from ``run.checkpoints`` where they hold this very run. Every random choice is a function of
    (seed, step), what dropout leaves out of the rank too, so a resumed run equals an uninterrupted one bit for bit
    on the CPU. A model that FSDP2 sharded is returned as it is: ``sharding.gather`` and ``scope.close`` are the
    caller's.

    Raises:
        NonFiniteError: names the step, the quantity and the rows; that step is not taken.
    """
    device = device or next(model.parameters()).device
    with freed_memory_is_kept(device):
        return _train(model, run, device)


def _train(model: nn.Module, run: Run, device: torch.device) -> tuple[nn.Module, list[Row]]:
    torch.manual_seed(run.seed)
    ready = prepare(model, run.recipe, run.engine, device, run.validates)
    weights = ready.weights
    objectives = [_objective(run, side, ready) for side in ("forget", "retain")]
    optimizer = run.recipe.optimizer(weights.moved)
    curve = get_scheduler(
        run.schedule.lr_curve,
        optimizer,
        run.schedule.warmup_steps(run.epoch_size),
        run.schedule.total_steps(run.epoch_size),
    )
    state = State(weights, optimizer, curve)
    progress = run.checkpoints.restore(state) if run.checkpoints else Progress()
    validate = _validation(run, ready.model, device, progress)

    for step in range(len(progress.history), run.total_steps):
        # Looked at before a step, so that a run resumed from its last checkpoint stops where it would have.
        if isinstance(run.stopping, Best) and run.stopping.collapsed(progress.start, progress.history):
            log.warning("Stopped after step %d: the retain loss has collapsed", step)
            break
        row = _step(step, run, objectives, state, ready.sharded)
        done = step + 1
        if validate and (done % run.stopping.every == 0 or done == run.total_steps):
            row |= validate()
        progress.history.append(row)
        for watch in run.watchers:
            watch(row)
        _checkpoint(run, state, progress, last=done == run.total_steps)

    if isinstance(run.stopping, Best):
        _return_to_best(run, state, progress)
    weights.finish()
    model = ready.model.eval()
    return (model if ready.sharded else run.recipe.scope.close(model)), progress.history


def _step(step: int, run: Run, objectives: list[Objective | None], state: State, sharded: bool) -> Row:
    """One step; all its scalars reach the host in one synchronisation, before the weights move."""
    weights, rule = state.weights, run.recipe.weighting
    buffer = torch.bfloat16 if run.engine.gradient_buffer == "bf16" else None
    rows = _rows(run, step)
    seed_dropout(run.seed, step, 0)
    forget_loss, f = _side(objectives[0], rows[0], run, weights, sharded, buffer)
    seed_dropout(run.seed, step, 1)
    retain_loss, r = _side(objectives[1], rows[1], run, weights, sharded)
    blocks = rule.blocks_of(weights.names)
    metric = rule.metric_of(state.optimizer, weights.moved)
    gram = gram_matrix(f, r, forget_loss.device, blocks, metric, sharded)
    chosen = rule(gram)
    plain = gram if metric is None else gram_matrix(f, r, forget_loss.device, blocks, sharded=sharded)
    norm = direction_norm(plain, chosen)
    combine_(weights.moved, f, r, clip(chosen, norm, run.schedule.max_grad_norm), blocks)
    sums = [part.sum() for part in plain]
    losses = torch.stack([forget_loss, retain_loss])
    if world.size() > 1:
        world.sum_over_ranks_([losses])
    scalars = torch.stack([*losses, *sums, *(w.float().mean() for w in chosen), norm])
    row = _row(step, run, rows, state.curve.get_last_lr()[0], scalars.tolist())
    state.optimizer.step()
    state.curve.step()
    weights.publish_step()
    state.optimizer.zero_grad(set_to_none=True)
    return row


def _side(
    objective: Objective | None,
    rows: list[int],
    run: Run,
    weights: Weights,
    sharded: bool,
    buffer: torch.dtype | None = None,
) -> tuple[Tensor, Gradient]:
    if objective is None:
        return torch.zeros((), device=weights.moved[0].device), [None] * len(weights.parameters)
    loss = run.recipe.gradient(lambda: objective.accumulate(rows), weights.parameters)
    return loss, take_gradient(weights.parameters, sharded, buffer)


def _objective(run: Run, side: str, ready: Ready) -> Objective | None:
    examples = getattr(run, side)
    loss = getattr(run.recipe, side)
    if examples is None or loss is None or loss.kind == "none":
        return None
    reference = ready.reference if loss.needs == "reference_model" else None
    return Objective(loss, examples, ready.model, reference, run.engine, ready.device)


def _rows(run: Run, step: int) -> tuple[list[int], list[int]]:
    if run.forget is None:
        return [], _drawn(epoch_rows, run.retain, run, step)
    return _drawn(epoch_rows, run.forget, run, step), _drawn(stream_rows, run.retain, run, step)


def _drawn(draw: Callable[[int, int, int, int], list[int]], examples: Examples, run: Run, step: int) -> list[int]:
    size, seed = run.schedule.batch_size, run.seed
    if run.schedule.topics == "alternate":
        return one_topic_rows(draw, examples.topics, size, seed, step)
    return draw(len(examples), size, seed, step)


def _validation(run: Run, model: nn.Module, device: torch.device, progress: Progress) -> Callable[[], Row] | None:
    if not run.validates:
        return None
    validation = Validation(run.forget, run.retain, run.stopping.rows, run.seed, run.engine)
    if progress.start is None:
        progress.start = validation(model, device)
    return lambda: validation(model, device)


def _checkpoint(run: Run, state: State, progress: Progress, last: bool) -> None:
    if not run.checkpoints:
        return
    done = len(progress.history)
    best = None
    if isinstance(run.stopping, Best):
        best = run.stopping.best_step(progress.start, progress.history)
    if best == done or (done % run.checkpoints.every == 0 and not last):
        run.checkpoints.save(state, progress, keep=best)


def _return_to_best(run: Run, state: State, progress: Progress) -> None:
    best = run.stopping.best_step(progress.start, progress.history)
    if 0 < best < len(progress.history):
        run.checkpoints.load_weights(best, state)
        log.info("Kept the weights after step %d, the best validated ones", best)


def _row(step: int, run: Run, rows: tuple[list[int], list[int]], lr: float, scalars: list[float]) -> Row:
    forget_loss, retain_loss, ff, fr, rr, w_forget, w_retain, norm = scalars
    named = {
        "retain_loss": retain_loss,
        "retain_gradient_norm": math.sqrt(max(rr, 0.0)) if math.isfinite(rr) else rr,
        "direction_norm": norm,
    }
    if run.forget is not None:
        both = math.sqrt(max(ff, 0.0) * max(rr, 0.0)) if math.isfinite(ff * rr) else ff * rr
        named |= {
            "forget_loss": forget_loss,
            "forget_gradient_norm": math.sqrt(max(ff, 0.0)) if math.isfinite(ff) else ff,
            "gradient_cosine": fr / both if both > 0 else 0.0,
            "forget_weight": w_forget,  # ξ where the forget level is the lower one
            "retain_weight": w_retain,
        }
    for name, value in named.items():
        if not math.isfinite(value):
            raise NonFiniteError(
                f"step {step}: {name} is {value} (rows of the forget set: {rows[0]}, of the retain set: {rows[1]}); "
                "that step was not taken. Lower the learning rate or the length of the training, or look at these rows"
            )
    epoch = (step + 1) / run.schedule.steps_per_epoch(run.epoch_size)
    return {"step": step, "epoch": epoch, "lr": lr, **named}

"""The training loop: forget gradient, retain gradient, Gram matrix, weights, combine, step."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from blur_pipeline.methods.choice import Loss, Moment, Seen
from blur_pipeline.methods.gradient import Backprop
from blur_pipeline.methods.recipe import SIDES, Recipe
from blur_pipeline.models.examples import Examples
from blur_pipeline.training import averaging
from blur_pipeline.training.checkpoints import Checkpoints, Progress, State
from blur_pipeline.training.curve import curve
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.gradients import Gradient, clip, combine_, direction_norm, gram_matrix, put_away_
from blur_pipeline.training.kernels import kernels
from blur_pipeline.training.masks import Masks
from blur_pipeline.training.objective import Objective
from blur_pipeline.training.prepare import Ready, prepare
from blur_pipeline.training.probe import StepProbe
from blur_pipeline.training.rows import rows_of
from blur_pipeline.training.scalars import row_of
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.stopping import Best, Fixed, Off, Row, Stopping
from blur_pipeline.training.validation import Validation

Watcher = Callable[[Row], None]
Look = Callable[[int, nn.Module], None]
log = logging.getLogger(__name__)


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
    further: dict[str, Examples] = field(default_factory=dict)
    """Sets beside these two that losses are taken on, by the name that they give in ``on``."""
    looks: dict[int, Look] = field(default_factory=dict)
    """After how many steps the model is shown, with their number, to whom; it may be left in another mode."""

    @property
    def sets(self) -> dict[str, Examples]:
        """All sets by name."""
        return ({} if self.forget is None else {"forget": self.forget}) | {"retain": self.retain} | self.further

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


def train(
    model: nn.Module, run: Run, device: torch.device | None = None, weights: Path | None = None
) -> tuple[nn.Module, list[Row]]:
    """Train ``model`` in place; return it as it is to be saved, and one row of scalars per step.

    Resumes from ``run.checkpoints`` where they hold this very run. Every random choice is a function of
    (seed, step), what dropout leaves out of the rank too, so a resumed run equals an uninterrupted one bit for bit
    on the CPU. A model that FSDP2 sharded is returned as it is: ``sharding.gather`` and ``scope.close`` are the
    caller's. It may come on the meta device: each rank then reads its part out of the folder ``weights``.

    Raises:
        NonFiniteError: names the step, the quantity and the rows; that step is not taken.
    """
    device = device or next(model.parameters()).device
    with kernels(model, run.engine, device):
        return _train(model, run, device, weights)


def _train(model: nn.Module, run: Run, device: torch.device, folder: Path | None) -> tuple[nn.Module, list[Row]]:
    torch.manual_seed(run.seed)
    recipe = run.recipe
    ready = prepare(model, recipe, run.engine, device, run.validates, run.sets, folder)
    weights = ready.weights
    optimizer = recipe.optimizer(weights.moved)
    masks = None if ready.masks is None else Masks(ready.masks, optimizer)
    steps = run.schedule.warmup_steps(run.epoch_size), run.schedule.total_steps(run.epoch_size)
    rates = curve(run.schedule.lr_curve, optimizer, *steps)
    memory = recipe.weighting.memory(weights.moved, device) | averaging.start(recipe.optimizer.average, weights.moved)
    state = State(weights, optimizer, rates, memory)
    progress = run.checkpoints.restore(state) if run.checkpoints else Progress()
    validate = _validation(run, ready.model, device, progress)
    sides = [_objective(run, side, ready) for side in SIDES]

    whole = run.schedule.total_steps(run.epoch_size)
    for step in range(len(progress.history), run.total_steps):
        # Looked at before a step, so that a run resumed from its last checkpoint stops where it would have.
        if isinstance(run.stopping, Best) and run.stopping.collapsed(progress.start, progress.history):
            log.warning("Stopped after step %d: the retain loss has collapsed", step)
            break
        row = _step(Moment(step, whole, run.total_steps), run, sides, state, ready.sharded, masks)
        done = step + 1
        if validate and (done % run.stopping.every == 0 or done == run.total_steps):
            row |= validate()
        progress.history.append(row)
        for watch in run.watchers:
            watch(row)
        if done in run.looks:
            run.looks[done](done, ready.model)
            ready.model.train()
        _checkpoint(run, state, progress, last=done == run.total_steps)

    if isinstance(run.stopping, Best):
        if recipe.optimizer.settles:
            log.warning("Stopping 'best' keeps the weights of one step: the optimizer's mean of several is not taken")
        _return_to_best(run, state, progress)
    else:
        _settle(run, state, len(progress.history))
    weights.finish()
    model = ready.model.eval()
    return (model if ready.sharded else recipe.scope.close(model)), progress.history


def _step(
    moment: Moment, run: Run, sides: list[Objective | None], state: State, sharded: bool, masks: Masks | None
) -> Row:
    """One step; all its scalars reach the host in one synchronisation, before the weights move."""
    weights, rule = state.weights, run.recipe.weighting
    rows = rows_of(run.sets, run.schedule, run.seed, moment.step)
    losses, vectors = [], []
    for number, side in enumerate(sides):
        probe = StepProbe(side, rows, weights, run.seed, moment, number, sharded, masks, run.schedule)
        loss, gradient = _side(side, probe, run.recipe)
        if number == 0:
            put_away_(gradient, run.engine.gradient_buffer)
        losses.append(loss)
        vectors.append(gradient)
    losses = torch.stack(losses)
    vectors += rule.recall(*vectors, state.memory)
    gram = gram_matrix(vectors, losses.device, sharded)
    chosen = rule(gram, Seen(losses, state.memory, moment))
    norm = direction_norm(gram, chosen)
    scalars = torch.stack([*losses, gram[0, 0], gram[0, 1], gram[1, 1], norm, *chosen.float()])
    epoch = (moment.step + 1) / run.schedule.steps_per_epoch(run.epoch_size)
    row = row_of(moment.step, epoch, state.curve.get_last_lr()[0], rows, scalars.tolist())
    clipped = clip(chosen, norm, run.schedule.max_grad_norm)
    for portion in weights.portions(run.recipe.optimizer.in_portions):
        combine_(weights.moved, vectors, clipped, portion)
        with weights.there(weights.reached(portion)):
            if masks:
                masks.decay_(state.optimizer, weights.moved)
            state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
    state.curve.step()
    average = run.recipe.optimizer.average
    if average and average.takes(moment.step + 1, run.total_steps):
        averaging.take_(average, state.memory, weights, moment.step + 1, run.total_steps)
    return row


def _side(side: Objective | None, probe: StepProbe, recipe: Recipe) -> tuple[Tensor, Gradient]:
    """Its loss and its gradient; an estimator that looks around θ does so for the forget side."""
    if side is None:
        moved = probe.weights.moved
        return torch.zeros((), device=moved[0].device), [None] * len(moved)
    estimator = recipe.gradient if probe.side == 0 else Backprop()
    return estimator(probe)


def _objective(run: Run, side: str, ready: Ready) -> Objective | None:
    """None where the side has no loss, or its set is not there."""
    losses: dict[str, list[Loss]] = {}
    for of, name, loss in ready.recipe.losses():
        if of == side:
            losses.setdefault(name, []).append(loss.told(ready.found))
    penalties = ready.recipe.penalties(side)
    if not (losses or penalties) or (side == "forget" and run.forget is None):
        return None
    needs = any(loss.needs == "reference_model" for part in losses.values() for loss in part)
    reference = ready.reference if needs else None
    return Objective(losses, run.sets, ready.model, reference, run.engine, ready.device, penalties)


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


def _settle(run: Run, state: State, done: int) -> None:
    chosen = run.recipe.optimizer
    if chosen.settles:
        with state.weights.there():
            chosen.settle(state.optimizer)
            averaging.end_(chosen.average, state.memory, state.weights.moved, done, run.total_steps)


def _return_to_best(run: Run, state: State, progress: Progress) -> None:
    best = run.stopping.best_step(progress.start, progress.history)
    if 0 < best < len(progress.history):
        run.checkpoints.load_weights(best, state)
        log.info("Kept the weights after step %d, the best validated ones", best)

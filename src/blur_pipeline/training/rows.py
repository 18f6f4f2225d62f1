"""Which rows of each set a step learns from: pure functions of (seed, step), so resuming replays nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from blur_pipeline.models.examples import Examples, epoch_rows, one_topic_rows, stream_rows
from blur_pipeline.training.objective import Rows
from blur_pipeline.training.schedule import Schedule

Draw = Callable[[int, int, int, int], list[int]]


def rows_of(sets: Mapping[str, Examples], schedule: Schedule, seed: int, step: int) -> Rows:
    """By set. An epoch passes over the forget set, or the retain set where there is none; every other set goes round in
    a stream of its own."""
    first = "forget" if "forget" in sets else "retain"
    streams = {name: (1,) if name == "retain" else tuple(name.encode()) for name in sets}
    draws = {name: epoch_rows if name == first else partial(stream_rows, stream=streams[name]) for name in sets}
    return {name: _drawn(draws[name], examples, schedule, seed, step) for name, examples in sets.items()}


def other_rows(
    examples: Examples, schedule: Schedule, seed: int, step: int, size: int, stream: tuple[int, ...]
) -> list[int]:
    """``size`` further rows for ``step``, of its topic where topics alternate."""
    draw = partial(stream_rows, stream=stream)
    if schedule.topics == "alternate":
        return one_topic_rows(draw, examples.topics, size, seed, step)
    return draw(len(examples), size, seed, step)


def _drawn(draw: Draw, examples: Examples, schedule: Schedule, seed: int, step: int) -> list[int]:
    if schedule.topics == "alternate":
        return one_topic_rows(draw, examples.topics, schedule.batch_size, seed, step)
    return draw(len(examples), schedule.batch_size, seed, step)

"""Topics in one batch, or one a step by turns, as RMU's and BLUR-RMU's code take biology and cyber-security."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from blur_pipeline.models.examples import Examples, epoch_rows, one_topic_rows, stream_rows
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples
from tests.training.test_placement import READS_LAYER_ONE


def with_topics(count: int, seed: int, topics: list[int]) -> Examples:
    return replace(random_examples(count, seed), topics=np.array(topics))


def rows_of(monkeypatch, forget: Examples, retain: Examples, schedule: Schedule) -> dict[int, list[list[int]]]:
    """The rows of each step's forget (0) and retain (1) side."""
    seen, batch = {0: [], 1: []}, Examples.batch

    def spy(self, rows, *args, **named):
        seen[0 if self is forget else 1].append(sorted(rows))
        return batch(self, rows, *args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Examples, "batch", spy)
        train(build_tiny_model(), Run(READS_LAYER_ONE, schedule, retain, forget, seed=3))
    return seen


def test_topics_take_turns_and_each_is_passed_through_whole(monkeypatch):
    topics = np.array([1, 0, 0, 1, 0, 1, 0])
    forget, retain = with_topics(7, 1, topics.tolist()), random_examples(5, seed=2)
    seen = rows_of(monkeypatch, forget, retain, Schedule(steps=8, batch_size=2, topics="alternate"))
    assert [set(topics[rows]) for rows in seen[0]] == [{0}, {1}] * 4
    for epoch in (seen[0][0:4:2], seen[0][4::2]):
        assert sorted(np.concatenate(epoch)) == [1, 2, 4, 6]
    assert sorted(np.concatenate(seen[0][1:4:2])) == [0, 3, 5]
    assert seen[1] == [sorted(stream_rows(5, 2, 3, step)) for step in range(8)]  # of one topic: as ever


def test_a_retain_set_of_topics_takes_turns_with_them(monkeypatch):
    forget, retain = with_topics(4, 1, [0, 0, 1, 1]), with_topics(6, 2, [0, 1, 0, 1, 0, 1])
    seen = rows_of(monkeypatch, forget, retain, Schedule(steps=4, batch_size=2, topics="alternate"))
    assert [{i % 2 for i in rows} for rows in seen[1]] == [{0}, {1}, {0}, {1}]


def test_mixed_topics_are_drawn_as_one_set(monkeypatch):
    forget, retain = with_topics(6, 1, [0, 0, 0, 1, 1, 1]), random_examples(5, seed=2)
    seen = rows_of(monkeypatch, forget, retain, Schedule(steps=3, batch_size=2))
    assert seen[0] == [sorted(epoch_rows(6, 2, 3, step)) for step in range(3)]


def test_one_topic_is_the_whole_set():
    topics = np.zeros(6, dtype=np.int64)
    for step in range(5):
        assert one_topic_rows(epoch_rows, topics, 2, 3, step) == epoch_rows(6, 2, 3, step)


def test_there_is_no_third_way():
    with pytest.raises(ValidationError, match="'mixed' or 'alternate'"):
        Schedule(topics="by turns")

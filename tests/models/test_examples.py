"""Which rows a step uses and how they become a batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from blur_pipeline.models.examples import IGNORED, Examples, epoch_rows, length_buckets, stream_rows
from blur_pipeline.training.schedule import Schedule
from tests.conftest import random_examples


def test_an_epoch_visits_every_row_once():
    rows = [r for step in range(3) for r in epoch_rows(10, 4, seed=0, step=step)]
    assert sorted(rows) == list(range(10))
    assert len(epoch_rows(10, 4, seed=0, step=2)) == 2


def test_rows_are_a_function_of_seed_and_step():
    assert epoch_rows(10, 4, 0, 7) == epoch_rows(10, 4, 0, 7)
    assert epoch_rows(100, 4, 0, 0) != epoch_rows(100, 4, 1, 0)


def test_a_stream_is_whole_permutations_one_after_the_other():
    rows = [r for step in range(5) for r in stream_rows(10, 4, seed=3, step=step)]
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
    assert len(stream_rows(3, 8, seed=0, step=0)) == 8


def test_counts_by_unit():
    examples = Examples.from_columns([[5, 6, 7, 8], [5, 6]], [[IGNORED, IGNORED, 7, 8], [5, 6]])
    assert examples.count([0, 1], "sequences") == 2
    assert examples.count([0, 1], "tokens") == 3  # the first token of a sequence is never predicted
    assert examples.count([0, 1], "positions") == 6


def test_batch_indices_find_the_supervised_tokens():
    examples = Examples.from_columns([[5, 6, 7, 8], [9, 4]], [[IGNORED, IGNORED, 7, 8], [IGNORED, 4]])
    batch = examples.batch([0, 1])
    assert batch.attention_mask is None  # padding behind a token is hidden from it anyway
    assert batch.predicting.tolist() == [1, 2, 4]  # places of the 2 × 4 grid, row after row
    assert batch.targets.tolist() == [7, 8, 4]
    assert batch.sequence.tolist() == [0, 0, 1]
    assert batch.filled.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_grid_padded_on_the_left():
    examples = Examples.from_columns([[5, 6, 7, 8], [9, 4]], [[IGNORED, IGNORED, 7, 8], [IGNORED, 4]])
    batch = examples.batch([0, 1], layout="left")
    assert batch.input_ids.tolist() == [[5, 6, 7, 8], [0, 0, 9, 4]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3], [0, 0, 0, 1]]
    assert batch.predicting.tolist() == [1, 2, 6]
    assert batch.filled.tolist() == [0, 1, 2, 3, 6, 7]


def test_a_packed_grid_has_no_padding():
    examples = Examples.from_columns([[5, 6, 7, 8], [9, 4]], [[5, 6, 7, 8], [9, 4]])
    batch = examples.batch([0, 1], layout="packed")
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 9, 4]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3, 0, 1]]
    assert batch.attention_mask is None
    assert batch.predicting.tolist() == [0, 1, 2, 4]  # 9 is a first token: nothing predicts it
    assert batch.sequence.tolist() == [0, 0, 0, 1]


def test_rows_by_length_and_in_buckets():
    examples = Examples.from_columns([[1] * n for n in (2, 5, 3, 5)], [[1] * n for n in (2, 5, 3, 5)])
    assert examples.by_length([0, 1, 2, 3]) == [1, 3, 2, 0]
    assert list(length_buckets(examples, tokens_per_batch=10)) == [[1, 3], [2, 0]]


@pytest.mark.parametrize(("epochs", "steps", "total"), [(2, None, 6), (0.5, None, 2), (10, 5, 5)])
def test_length_of_a_schedule(epochs, steps, total):
    assert Schedule(epochs=epochs, steps=steps, batch_size=4).total_steps(10) == total


def test_warm_up_never_takes_the_whole_training():
    assert Schedule(epochs=1, batch_size=4, warmup_epochs=9).warmup_steps(10) == 2


def test_reference_keeps_its_rows():
    examples = Examples.from_columns([[1, 2], [3, 4]], [[1, 2], [3, 4]]).with_reference([-1.0, -2.0])
    assert np.allclose(examples.batch([1, 0]).reference_logprobs.numpy(), [-2.0, -1.0])


class _Copies(TorchDispatchMode):
    """Copies to another device while open, each with whether the host goes on."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._to_copy.default and "device" in kwargs:
            self.seen.append(kwargs.get("non_blocking", False))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("layout", ["right", "left", "packed"])
def test_a_batch_is_one_copy_that_the_host_does_not_wait_for(layout):
    batch = random_examples(4, seed=1).with_reference([-1.0, -2.5, -3.0, -4.0]).batch([2, 0, 3], layout=layout)
    with _Copies() as copies:
        there = batch.to(torch.device("meta"))
    assert copies.seen == [True]
    for name, tensor in vars(batch).items():
        if isinstance(tensor, torch.Tensor):
            assert (getattr(there, name).shape, getattr(there, name).dtype) == (tensor.shape, tensor.dtype)
            assert getattr(there, name).device.type == "meta"


def test_what_is_copied_is_what_was_there():
    """Through the buffer and out of it; booleans and float32 among the numbers."""
    batch = random_examples(4, seed=1).with_reference([-1.0, -2.5, -3.0, -4.0]).batch([2, 0, 3], layout="left")
    batch = replace(batch, attention_mask=torch.rand(3, 1, 5, 5) > 0.5)
    copied = batch._through_one_buffer(torch.device("cpu"))
    for name, tensor in vars(batch).items():
        if isinstance(tensor, torch.Tensor):
            assert torch.equal(getattr(copied, name), tensor), name
    assert batch.to(torch.device("cpu")) is batch

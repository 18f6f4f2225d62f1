"""The rows with the longest gradients, as a core set of the forget set."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset

from blur_pipeline.pipelines.unlearning.lessons import steepest
from blur_pipeline.training.gradient_scores import whole_gradient_norms
from tests.conftest import build_tiny_model, random_examples

CPU = torch.device("cpu")


def test_a_norm_is_that_of_the_whole_gradient():
    model, examples = build_tiny_model(), random_examples(4, seed=1)
    model.requires_grad_(False)
    model.lm_head.weight.requires_grad_(True)
    found = whole_gradient_norms(model, examples, CPU, "Ranking")
    assert [n for n, p in model.named_parameters() if p.requires_grad] == ["lm_head.weight"]
    for i, (ids, labels) in enumerate(zip(examples.input_ids, examples.labels, strict=True)):
        plain = copy.deepcopy(model).requires_grad_(True)
        batch = {"input_ids": torch.as_tensor(ids)[None], "labels": torch.as_tensor(labels)[None]}
        plain(**batch).loss.backward()  # transformers' own mean over the supervised tokens
        squares = sum(p.grad.double().square().sum() for p in plain.parameters())
        assert found[i] == pytest.approx(squares.sqrt().item(), rel=1e-5)


def test_the_steepest_stay_in_their_order():
    forget = Dataset.from_dict({"row_id": ["a", "b", "c", "d"]})
    reference = pd.DataFrame({"row_id": ["d", "c", "b", "a"], "gradient_norm": [4.0, 1.0, 3.0, 2.0]})
    assert steepest(forget, reference, 0.5)["row_id"][:] == ["b", "d"]
    assert steepest(forget, reference, 0.51)["row_id"][:] == ["a", "b", "d"]
    assert np.array_equal(steepest(forget, reference, 1.0)["row_id"][:], forget["row_id"][:])

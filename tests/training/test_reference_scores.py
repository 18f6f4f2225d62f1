"""log π_θ₀ is what the first step would say: the log-ratio at θ₀ is zero in each precision."""

import copy
import math
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.pipelines.unlearning.nodes import score_reference
from blur_pipeline.training import kernels
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.reference_scores import score_sequences
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples
from tests.training.plain import ROUNDING

CPU = torch.device("cpu")
EXAMPLES = random_examples(12, seed=1)
SCOPES = {"all": {"kind": "all"}, "lora": {"kind": "lora", "rank": 2}}


def scored(model, precision: str, **options):
    engine = Engine(precision=precision, **options)
    return EXAMPLES.with_reference(score_sequences(copy.deepcopy(model), EXAMPLES, engine, CPU, "Scoring"))


def spread_out():
    """Logits far enough apart that bfloat16 rounds them by several hundredths of a nat."""
    model = build_tiny_model()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    return model


@pytest.mark.parametrize("options", [{}, {"micro_batch_size": 1}, {"layout": "packed"}, {"logits_chunk": 4}])
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("precision", ROUNDING)
def test_npo_begins_at_its_value_at_the_target_model(precision, scope, options):
    """(2/β)·log 2 for every sequence. Scored in float32, with β = 1000, bfloat16 made it twelve times that.

    A CPU without instructions for bfloat16 sums a micro-batch of one sequence in another order: there 1.14 times.
    """
    model, engine = spread_out(), Engine(precision=precision, **options)
    recipe = Recipe(forget={"kind": "npo", "beta": 1000.0}, scope=SCOPES[scope])
    run = Run(recipe, Schedule(steps=1, batch_size=12), EXAMPLES, scored(model, precision, **options), engine=engine)
    _, rows = train(model, run)
    native = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    cut_otherwise = precision == "bf16" and "micro_batch_size" in options and not native
    assert rows[0]["forget_loss"] == pytest.approx(2 / 1000 * math.log(2), rel=0.2 if cut_otherwise else 1e-3)


@pytest.mark.parametrize("precision", ROUNDING)
def test_the_node_scores_in_the_precision_of_the_training_and_leaves_the_model_alone(precision):
    model = spread_out()
    before = copy.deepcopy(model.state_dict())
    forget = {"row_id": [f"r{i}" for i in range(12)], "input_ids": EXAMPLES.input_ids, "labels": EXAMPLES.labels}
    unlearning = SimpleNamespace(recipe=Recipe(), method="npo")
    given = {"unlearning": unlearning, "curation": SimpleNamespace(core_set=None)}
    parameters = SimpleNamespace(device="cpu", training=Engine(precision=precision), **given)
    table = score_reference(model, forget, parameters)
    assert table["logprob"].tolist() == scored(model, precision).reference_logprobs.tolist()
    assert table["tokens"].tolist() == [EXAMPLES.count([i], "tokens") for i in range(12)]
    assert table["row_id"].tolist() == forget["row_id"]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_precisions_differ_by_their_rounding_alone():
    exact, *others = (scored(spread_out(), precision).reference_logprobs for precision in ROUNDING)
    for other in others:
        assert not np.array_equal(other, exact)
        assert other == pytest.approx(exact, rel=4 * ROUNDING["bf16"])


@pytest.mark.parametrize(("precision", "layout", "opened"), [
    ("bf16_autocast", "packed", True),
    ("bf16_autocast", "right", False),
    ("fp32", "packed", False),
])  # fmt: skip
def test_it_is_scored_by_the_kernels_that_the_training_takes(precision, layout, opened, monkeypatch):
    """Where a device has kernels for packed rows, both take them, or θ₀ would differ from itself by their rounding."""
    seen = []

    @contextmanager
    def noted(model, device):
        seen.append(device)
        yield

    monkeypatch.setattr(kernels, "packed_kernels", noted)
    model, engine = build_tiny_model(), Engine(precision=precision, layout=layout)
    score_sequences(model, EXAMPLES, engine, CPU, "Scoring")
    train(model, Run(Recipe(), Schedule(steps=1, batch_size=2), EXAMPLES, engine=engine))
    assert seen == [CPU] * (2 * opened)

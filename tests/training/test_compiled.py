"""Compiled layers give the same step: traced by torch.compile, and run by torch's own operations instead of a compiler.

What tracing may get wrong is what a trace takes for granted: that weights exchanged for θ₀'s are the ones it saw, that
adapters stay switched on, that a pass ends at the last layer. The generated kernels are tests/gpu's.
"""

from functools import partial

import pytest
import torch

from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import train
from tests.conftest import build_tiny_model
from tests.training.plain import ROUNDING
from tests.training.test_every_cut import assert_same_step, assert_same_weights, away_run

CUTS = [
    ("npo_logits_kl", "bf16", {}),  # θ₀ by exchanged weights
    ("lora_kl", "fp32", {}),  # θ₀ by adapters switched off
    ("blur_rmu", "fp32", {"layout": "left"}),  # a pass that ends early
    ("sam", "fp32", {"layout": "packed", "gradient_checkpointing": True}),  # weights moved for a pass
]


@pytest.mark.parametrize(("name", "precision", "cut"), CUTS, ids=[name for name, *_ in CUTS])
def test_compiled_layers_give_the_same_step(name, precision, cut, tmp_path, monkeypatch):
    model, expected = train(build_tiny_model(), away_run(name, Engine(precision=precision), tmp_path))
    traces = []

    def traced(graph, _):
        traces.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=traced))
    torch.compiler.reset()
    engine = Engine(precision=precision, compiled=True, **cut)
    compiled, rows = train(build_tiny_model(), away_run(name, engine, tmp_path))
    assert traces
    assert_same_step(name, rows[-1], expected[-1], ROUNDING[precision])
    assert_same_weights(compiled.state_dict(), model.state_dict(), ROUNDING[precision])

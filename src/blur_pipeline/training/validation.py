"""A quick look at a slice of both sets while training runs."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from blur_pipeline.models.examples import Examples, length_buckets
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.stopping import FORGET, RETAIN, Row

TOKENS_PER_BATCH = 4096


class Validation:
    """Mean token NLL, in nats, of a fixed slice of the forget and of the retain set."""

    def __init__(self, forget: Examples, retain: Examples, rows: int, seed: int, engine: Engine) -> None:
        self.slices = {FORGET: _slice(forget, rows, seed), RETAIN: _slice(retain, rows, seed)}
        self.engine = engine

    @torch.no_grad()
    def __call__(self, model: nn.Module, device: torch.device) -> Row:
        """The two losses; every rank computes the same."""
        model.eval()
        found = {name: self._nll(model, examples, device) for name, examples in self.slices.items()}
        model.train()
        return found

    def _nll(self, model: nn.Module, examples: Examples, device: torch.device) -> float:
        total = torch.zeros((), dtype=torch.float64, device=device)
        for members in length_buckets(examples, TOKENS_PER_BATCH):
            batch = examples.batch(members, layout=self.engine.layout).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=self.engine.precision == "bf16_autocast"):
                total -= Forward(model, batch).token_logprobs().double().sum()
        return float(total) / examples.count(range(len(examples)), "tokens")


def _slice(examples: Examples, rows: int, seed: int) -> Examples:
    chosen = np.sort(np.random.default_rng([seed, 2]).permutation(len(examples))[:rows])
    return examples.take(chosen.tolist())

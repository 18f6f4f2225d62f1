"""A quick look at a slice of both sets while training runs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from blur_pipeline.models.examples import Examples, length_buckets
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.objective import autocast
from blur_pipeline.training.stopping import FORGET, RETAIN, Row
from blur_pipeline.training.workers import world

TOKENS_PER_BATCH = 4096


class Validation:
    """Mean token NLL, in nats, of a fixed slice of the forget and of the retain set."""

    def __init__(self, forget: Examples, retain: Examples, rows: int, seed: int, engine: Engine) -> None:
        self.slices = {FORGET: _slice(forget, rows, seed), RETAIN: _slice(retain, rows, seed)}
        self.engine = engine

    @torch.no_grad()
    def __call__(self, model: nn.Module, device: torch.device) -> Row:
        """The two losses; the ranks share the rows, and all get the very same numbers to decide by."""
        model.eval()
        sums = torch.stack([self._logprob(model, examples, device) for examples in self.slices.values()])
        model.train()
        if world.size() > 1:
            world.sum_over_ranks_([sums])
        counts = [examples.count(range(len(examples)), "tokens") for examples in self.slices.values()]
        return {name: -s / n for name, s, n in zip(self.slices, sums.tolist(), counts, strict=True)}

    def _logprob(self, model: nn.Module, examples: Examples, device: torch.device) -> Tensor:
        """Summed over this rank's rows, a float64 scalar."""
        total = torch.zeros((), dtype=torch.float64, device=device)
        for members in self._batches(examples):
            # Where a rank has no rows left it borrows one: under FSDP2 a forward pass is a collective operation.
            batch = examples.batch(members or [0], layout=self.engine.layout).to(device)
            with autocast(self.engine.precision, device):
                logprob = Forward(model, batch).token_logprobs().double().sum()
            total += logprob if members else 0.0
        return total

    def _batches(self, examples: Examples) -> list[list[int]]:
        """This rank's share of the rows; equally many batches on every rank, the last of them perhaps empty."""
        ordered, ranks = examples.by_length(range(len(examples))), world.size()
        shares = [list(length_buckets(examples, TOKENS_PER_BATCH, ordered[rank::ranks])) for rank in range(ranks)]
        mine = shares[world.rank()]
        return mine + [[]] * (max(len(share) for share in shares) - len(mine))


def _slice(examples: Examples, rows: int, seed: int) -> Examples:
    chosen = np.sort(np.random.default_rng([seed, 2]).permutation(len(examples))[:rows])
    return examples.take(chosen.tolist())

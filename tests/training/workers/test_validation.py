"""Ranks share the rows to validate on, and decide from the same numbers."""

import pytest
import torch

from blur_pipeline.models.forward import Forward
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.stopping import FORGET, RETAIN
from blur_pipeline.training.validation import Validation
from blur_pipeline.training.workers.sharding import shard
from tests.conftest import build_tiny_model, random_examples
from tests.workers import run_ranks

CPU = torch.device("cpu")
ROWS = {"five and three": (5, 3), "one": (1, 1)}  # one row: the other rank has none of its own


def validation(forget: int, retain: int) -> Validation:
    return Validation(random_examples(forget, seed=1), random_examples(retain, seed=2), 8, 0, Engine())


def model_of(rank: int) -> torch.nn.Module:
    """Replicas that have drifted apart, as sums on a GPU let them."""
    model = build_tiny_model()
    with torch.no_grad():
        model.lm_head.weight.mul_(1 + 0.01 * rank)
    return model


def _on_rank(rank: int, sharding: str, folder: str) -> None:
    for name, rows in ROWS.items():
        model = model_of(0 if sharding == "fsdp" else rank)
        if sharding == "fsdp":
            shard(model, "fp32", CPU)
        tokens, logprobs = [0], Forward.token_logprobs

        def counted(self, tokens=tokens, logprobs=logprobs):
            tokens[0] += len(self.batch.targets)
            return logprobs(self)

        Forward.token_logprobs = counted
        found = validation(*rows)(model, CPU)
        Forward.token_logprobs = logprobs
        torch.save((found, tokens[0]), f"{folder}/{name}-{rank}.pt")


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_all_ranks_have_the_same_numbers(sharding, tmp_path):
    run_ranks(_on_rank, 2, tmp_path, sharding, str(tmp_path))
    for name, rows in ROWS.items():
        (first, some), (second, others) = (torch.load(tmp_path / f"{name}-{rank}.pt") for rank in (0, 1))
        assert first == second
        looked = validation(*rows)
        alone = [looked(model_of(rank), CPU) for rank in (0, 1)]
        for loss in (FORGET, RETAIN):
            near = 1e-6 if sharding == "fsdp" else 0.02  # drifted replicas: something between the two
            assert first[loss] == pytest.approx(alone[0][loss], rel=near)
        if name != "one":
            whole = sum(s.count(range(len(s)), "tokens") for s in looked.slices.values())
            assert some + others == whole  # no row was looked at twice

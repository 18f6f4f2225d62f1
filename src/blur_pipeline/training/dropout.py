"""What dropout leaves out in a step: random numbers that need no saving."""

from __future__ import annotations

import numpy as np
import torch

from blur_pipeline.training.workers import world


def seed_dropout(seed: int, step: int, side: int) -> None:
    """Before a side's passes: torch's generators as a function of the run's seed, the step, the side and the rank.

    Ranks with the same mask would leave out the same for all rows of a step; and the retain side's mask must not
    depend on how much the forget side drew.
    """
    entropy = np.random.SeedSequence([seed, step, side, world.rank()])
    torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))

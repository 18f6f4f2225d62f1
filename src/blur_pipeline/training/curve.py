"""The learning rate over the steps of a training, as a share of that of the recipe.

transformers' ``get_scheduler`` gives the same, to the bit (test). It comes with its trainer, which imports peft and
bitsandbytes: two and a half of the eight seconds that a process took before it trained.
"""

from __future__ import annotations

import math
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from blur_pipeline.training.schedule import Curve


def curve(kind: Curve, optimizer: Optimizer, warmup: int, steps: int) -> LambdaLR:
    """Over ``steps`` optimizer steps, of which the first ``warmup`` rise from 0; ``constant`` knows neither."""
    return LambdaLR(optimizer, partial(share, kind, warmup, steps))


def share(kind: Curve, warmup: int, steps: int, step: int) -> float:
    """Of the step ``step``, counted from 0: 1 after the warm-up, then as it is, or down to 0 at ``steps``."""
    if kind == "constant":
        return 1.0
    if step < warmup:
        return step / max(1, warmup)
    if kind == "constant_with_warmup":
        return 1.0
    gone = step - warmup
    left = max(1, steps - warmup)
    return max(0.0, (left - gone) / left if kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * (gone / left))))

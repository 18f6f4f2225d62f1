"""New weights into a model at once."""

from __future__ import annotations

import torch
from torch import nn

from blur_pipeline.methods.edits.choice import Edit, Given
from blur_pipeline.training.scalars import NonFiniteError
from blur_pipeline.training.stopping import Row


@torch.no_grad()
def apply(edit: Edit, model: nn.Module, given: Given, seed: int = 0) -> Row:
    """Change ``model``, float32 on the CPU, in place, a weight at a time; the row of the log.

    Raises:
        NonFiniteError: names the weight; those before it have been changed.
    """
    torch.manual_seed(seed)
    whole = sum(float(p.double().square().sum()) for p in model.parameters())
    moved = 0.0
    for name, value in edit(model.eval(), given):
        theta = model.get_parameter(name)
        square = float((value - theta).double().square().sum())
        if square != square or square == float("inf"):
            raise NonFiniteError(f"the edit '{edit.kind}' makes the weight {name} infinite or no number; weaken it")
        moved += square
        theta.copy_(value)
    return {"step": 0, "epoch": 0.0, "lr": 0.0, "relative_change": (moved / whole) ** 0.5 if whole else 0.0}

"""What a step tells: its scalars by name, or why it was not taken."""

from __future__ import annotations

import math

from blur_pipeline.config.errors import TrainingFailedError
from blur_pipeline.training.objective import Rows
from blur_pipeline.training.stopping import Row


class NonFiniteError(TrainingFailedError):
    """A loss or gradient became infinite or not a number; the weights of the step before are kept."""


def row_of(step: int, epoch: float, lr: float, rows: Rows, scalars: list[float]) -> Row:
    """A row of the training log; ``scalars`` are both losses, ⟨f,f⟩, ⟨f,r⟩, ⟨r,r⟩, the direction's norm, the weights.

    Raises:
        NonFiniteError: one of them is no number; names the step, the quantity and the rows.
    """
    forget_loss, retain_loss, ff, fr, rr, norm, w_forget, w_retain, *remembered = scalars
    named = {
        "retain_loss": retain_loss,
        "retain_gradient_norm": math.sqrt(max(rr, 0.0)) if math.isfinite(rr) else rr,
        "direction_norm": norm,
    }
    if "forget" in rows:
        both = math.sqrt(max(ff, 0.0) * max(rr, 0.0)) if math.isfinite(ff * rr) else ff * rr
        named |= {
            "forget_loss": forget_loss,
            "forget_gradient_norm": math.sqrt(max(ff, 0.0)) if math.isfinite(ff) else ff,
            "gradient_cosine": fr / both if both > 0 else 0.0,
            "forget_weight": w_forget,  # ξ where the forget level is the lower one
            "retain_weight": w_retain,
        } | {f"weight_{i}": w for i, w in enumerate(remembered, start=2)}
    for name, value in named.items():
        if not math.isfinite(value):
            where = ", ".join(f"of the {name} set: {list(members)}" for name, members in rows.items())
            raise NonFiniteError(
                f"step {step}: {name} is {value} (rows {where}); that step was not taken. Lower the learning rate or "
                "the length of the training, or look at these rows"
            )
    return {"step": step, "epoch": epoch, "lr": lr, **named}

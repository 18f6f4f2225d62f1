"""Whether a model keeps sequences apart that share a row: asked of the model itself, for no configuration says it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.models.examples import Examples
from blur_pipeline.models.forward import Forward

SEEN, MOVED = 1e-6, 1e-3
"""How much of its own length a logit vector may differ, when its neighbour is another and when it has none. The first
is the same computation but for the neighbour's tokens, where the least difference tells; the second may round."""
FIRST, OTHER, SECOND = [1, 2, 3, 4, 5, 6, 7], [12, 11, 10, 9, 8, 7, 6], [8, 9, 10, 11, 12]


@torch.no_grad()
def require_isolation(model: nn.Module) -> None:
    """Two short sequences in one row, the second behind another first one, and alone; the model in float32.

    Raises:
        BadInputError: the second one sees the first. Recurrent and convolution layers carry their state over.
    """
    training, device = model.training, next(model.parameters()).device
    model.eval()
    texts = [FIRST, OTHER, SECOND]
    examples = Examples.from_columns(texts, texts)
    packed, behind_other, alone = (
        Forward(model, examples.batch(rows, layout="packed").to(device)).position_logits()[-len(SECOND) :]
        for rows in ([0, 2], [1, 2], [2])
    )
    model.train(training)
    if _differ(packed, behind_other, SEEN) or _differ(packed, alone, MOVED):
        raise BadInputError(
            f"Parameter 'training.layout' is packed, but in this model ({type(model).__name__}) sequences that share a "
            "row see each other; use right."
        )


def _differ(logits: Tensor, others: Tensor, share: float) -> bool:
    return bool(((logits - others).norm(dim=-1) > share * logits.norm(dim=-1)).any())

"""An attack that takes one direction out of the activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from blur_pipeline.stress.choice import Access, Ask, Attack, Given

if TYPE_CHECKING:
    from torch import Tensor

    from blur_pipeline.models.examples import Examples


class Direction(Attack):
    """By what forget questions differ from retained ones inside the model, projected out: h − (h·d)·d of every layer.

    d of a layer is the difference of the means of its outputs at the tokens of the questions, of length 1; the first
    token, which is unlike all others, is left out. A method that steers such questions to one place (RMU) is undone.
    Łucki et al., arXiv 2409.18025, take the difference to the target model, which no attacker has; this is their
    variant without it. In all layers at once, and in each by itself.
    """

    kind: Literal["direction"] = "direction"
    access: ClassVar[Access] = "weights"
    drawn: ClassVar = False

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks once for all layers, and once a layer."""
        from blur_pipeline.stress.outputs import outputs_through

        asked = [questions_of(rows.examples) for rows in (given.forget, given.retain)]
        forget, retain = (mean_outputs(given, rows) for rows in asked)
        ask.spend(sum(len(ids) for rows in asked for ids in rows.input_ids))
        ways = (forget - retain) / (forget - retain).norm(dim=-1, keepdim=True).clamp_min(1e-12)  # (L, H)
        every = range(len(ways))
        for name, layers in (("all layers", every), *((f"layer {i}", (i,)) for i in every)):
            through = lambda depth, hidden, layers=layers: without(hidden, ways[depth]) if depth in layers else None
            with outputs_through(given.model, through):
                ask(given.model, given.forget, name)


def without(hidden: Tensor, way: Tensor) -> Tensor:
    """h − (h·d)·d: of (3, 4) along (1, 0) what is left is (0, 4)."""
    way = way.to(hidden.dtype)
    return hidden - (hidden @ way)[..., None] * way


def questions_of(examples: Examples) -> Examples:
    """What stands before the answers; of a document, which has no question, all of it."""
    from blur_pipeline.models.examples import IGNORED, Examples

    ids = []
    for tokens, labels in zip(examples.input_ids, examples.labels, strict=True):
        supervised = np.flatnonzero(labels != IGNORED)
        end = int(supervised[0]) if len(supervised) else len(tokens)
        ids.append(tokens[:end] if end > 1 else tokens)
    return Examples.from_columns(ids, [np.full(len(tokens), IGNORED) for tokens in ids])


def mean_outputs(given: Given, examples: Examples) -> Tensor:
    """``(L, H)`` float32: of each layer the mean output over all tokens but the first of each sequence."""
    import torch

    from blur_pipeline.models.anatomy import decoder_layers
    from blur_pipeline.models.examples import length_buckets
    from blur_pipeline.models.forward import Forward

    model = given.model.eval()
    total, count = 0.0, 0
    for rows in length_buckets(examples, given.tokens_per_batch):
        lengths = np.array([len(examples.input_ids[i]) for i in rows])
        later = np.setdiff1d(np.arange(lengths.sum()), np.cumsum(lengths) - lengths)
        with torch.inference_mode():
            outputs = Forward(model, examples.batch(rows).to(given.device)).hidden_at(range(len(decoder_layers(model))))
            total = total + outputs[:, torch.as_tensor(later, device=given.device)].float().sum(dim=1)
        count += len(later)
    return total / max(1, count)

"""An attack that looks how deep the knowledge was taken out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from blur_pipeline.stress.choice import Access, Ask, Asked, Attack, Given

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from blur_pipeline.models.examples import Batch

log = logging.getLogger(__name__)


class Depth(Attack):
    """1 − UDS, the unlearning depth score: what the unlearned model still holds of the fact inside.

    The output of a layer of a source S takes the place of the target model's where it predicts the fact; by D_S the
    fact's mean log-probability drops. Layers with D_R > ``threshold`` hold the knowledge, which R lacks, and

        UDS = Σ D_R·clip(D_U/D_R, 0, 1)/Σ D_R over them:

    D_R = (0.01, 1, 3) and D_U = (0, 0.5, 4) give (0.5 + 3)/4. U = R gives 1, U = T gives 0. A question without such a
    layer says nothing. The answer is the fact where none is marked.
    """

    kind: Literal["depth"] = "depth"
    access: ClassVar[Access] = "activations"
    drawn: ClassVar = False
    depth: ClassVar = 8
    beside: ClassVar = ("target", "retrained")

    threshold: float = Field(0.05, gt=0, le=100, description="nats a token")

    def __call__(self, given: Given, ask: Ask) -> None:
        """Notes 1 − UDS of every question that has it; nothing where there is no retrained model."""
        target, retrained = given.target(), given.retrained()
        if retrained is None or len({_shape(model) for model in (target, retrained, given.model)}) > 1:
            log.info("Stress: no depth: it needs a retrained model, and all three of one shape")
            return
        try:
            sources = [model.to(given.device).eval() for model in (retrained, given.model)]
            theirs, ours = _drops(target.to(given.device).eval(), sources, given)
        finally:  # a GPU that holds one model and its attacked copy need not hold three
            for model in (target, retrained):
                if model is not given.model:
                    model.cpu()
        tokens = sum(map(len, given.forget.examples.input_ids))
        ask.spend(tokens * (1 + len(sources) * (1 + theirs.shape[1])))
        left = 1 - unlearning_depth(theirs, ours, self.threshold)
        rows = np.flatnonzero(np.isfinite(left))
        if len(rows):
            ask.note(given.forget.take(rows), left[rows])


def unlearning_depth(retrained: np.ndarray, unlearned: np.ndarray, threshold: float) -> np.ndarray:
    """``(n,)`` UDS of ``(n, L)`` drops, NaN where no layer counts."""
    counts = np.where(retrained > threshold, retrained, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(counts > 0, np.clip(unlearned / retrained, 0, 1), 0.0)
        return (counts * share).sum(axis=1) / np.where(counts.any(axis=1), counts.sum(axis=1), np.nan)


def _shape(model: nn.Module) -> tuple[int, int]:
    from blur_pipeline.models.anatomy import base_of, decoder_layers

    return len(decoder_layers(model)), base_of(model).config.get_text_config().hidden_size


def _drops(target: nn.Module, sources: list[nn.Module], given: Given) -> list[np.ndarray]:
    """Of each source ``(n, L)``: by how much a layer of it lowers the target's mean log-probability of each fact."""
    import torch

    from blur_pipeline.models.anatomy import decoder_layers
    from blur_pipeline.models.examples import length_buckets
    from blur_pipeline.models.forward import Forward

    depth = len(decoder_layers(target))
    found = [np.zeros((len(given.forget), depth)) for _ in sources]
    with torch.inference_mode():
        for rows in length_buckets(given.forget.examples, given.tokens_per_batch):
            batch = given.forget.examples.batch(rows).to(given.device)
            which = _of_facts(batch, given.forget, rows)
            mean = lambda b=batch, w=which: _means(Forward(target, b).token_logprobs()[w], b.sequence[w], b.size)
            plain, places = mean(), batch.predicting[which]
            for table, source in zip(found, sources, strict=True):
                states = _outputs(source, batch, places)
                for layer in range(depth):
                    with _patched(target, layer, places, states[layer]):
                        table[rows, layer] = plain - mean()
    return found


def _of_facts(batch: Batch, asked: Asked, rows: list[int]) -> Tensor:
    """Which of a batch's supervised tokens hold the facts of its rows, or their answers without the last token."""
    import torch

    owners = batch.sequence.cpu().numpy()
    chosen = []
    for place, row in enumerate(rows):
        own = np.flatnonzero(owners == place)
        start, end = asked.facts[row]
        chosen.append(own[start:end] if start >= 0 else own[:-1])
    return torch.as_tensor(np.concatenate(chosen), device=batch.sequence.device)


def _means(values: Tensor, owners: Tensor, size: int) -> np.ndarray:
    sums = np.bincount(owners.cpu().numpy(), values.double().cpu().numpy(), minlength=size)
    return sums / np.bincount(owners.cpu().numpy(), minlength=size)


def _outputs(model: nn.Module, batch: Batch, places: Tensor) -> list[Tensor]:
    """What each layer gives at these places of the flattened grid, ``(places, H)``."""
    from blur_pipeline.models.anatomy import without_head
    from blur_pipeline.models.forward import Forward
    from blur_pipeline.stress.outputs import outputs_through

    seen: list[Tensor] = []
    with outputs_through(model, lambda _, hidden: seen.append(hidden.flatten(0, 1)[places])), without_head(model):
        Forward(model, batch).run()
    return seen


def _patched(model: nn.Module, layer: int, places: Tensor, states: Tensor) -> AbstractContextManager:
    """While open, layer ``layer`` gives ``states`` at these places."""
    from blur_pipeline.stress.outputs import outputs_through

    def through(depth: int, hidden: Tensor) -> Tensor | None:
        if depth != layer:
            return None
        flat = hidden.flatten(0, 1).index_copy(0, places, states.to(hidden.dtype))
        return flat.view_as(hidden)

    return outputs_through(model, through)

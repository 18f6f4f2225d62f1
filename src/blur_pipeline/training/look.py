"""What a scope, before it says which weights move, or a loss may learn of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.models.examples import Examples, length_buckets
from blur_pipeline.models.forward import Forward
from blur_pipeline.models.progress import ProgressBar

TOKENS_PER_BATCH = 4096
"""A constant: what a scope finds must not depend on how a training is cut."""


@dataclass(frozen=True)
class SetLook:
    """The ``Look`` (methods/choice.py) at ``sets`` with ``model``, float32 and in eval mode, all ranks alike."""

    model: nn.Module
    sets: Mapping[str, Examples]
    device: torch.device

    def gradients(
        self, name: str, parameters: Sequence[Tensor], singly: bool = False
    ) -> Iterator[tuple[list[Tensor], int]]:
        """A batch at a time: the gradient of the summed NLL of its supervised tokens, and their number."""
        before = [p.requires_grad for p in self.model.parameters()]
        self.model.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        try:
            for forward in self.passes(name, singly):
                with torch.enable_grad():
                    loss = -forward.token_logprobs().sum()
                    gradient = torch.autograd.grad(loss, parameters, materialize_grads=True)
                yield list(gradient), len(forward.batch.targets)
        finally:
            for parameter, needed in zip(self.model.parameters(), before, strict=True):
                parameter.requires_grad_(needed)

    def passes(self, name: str, singly: bool = False) -> Iterator[Forward]:
        """The model's outputs on a batch at a time, computed when asked for.

        Raises:
            BadInputError: this training has no such set, as that of a target model has none to forget.
        """
        if name not in self.sets:
            raise BadInputError(f"The method looks at the {name} set, which this training does not have; give another.")
        self.model.eval()
        examples, done = self.sets[name], 0
        with ProgressBar(f"Looking at the {name} set", len(examples), start=0) as bar:
            for rows in length_buckets(examples, 0 if singly else TOKENS_PER_BATCH):
                yield Forward(self.model, examples.batch(rows).to(self.device))
                done += len(rows)
                bar({"step": done - 1})

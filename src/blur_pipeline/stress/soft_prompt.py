"""Trainable embeddings before every input."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from blur_pipeline.methods.scopes.choice import Look, Opened, ScopeChoice

if TYPE_CHECKING:
    from torch.nn import Module

    from blur_pipeline.models.examples import Examples


class SoftPrompt(ScopeChoice):
    """``tokens`` embeddings that stand before each sequence (Lester et al., arXiv 2104.08691); all weights are frozen.

    Sequences bring as many places at their beginning (``with_room``), whose embeddings are replaced. They begin as
    embeddings of tokens drawn at random, so that they are of the size that the model is used to.
    """

    kind: Literal["soft_prompt"] = "soft_prompt"
    tokens: int = Field(10, ge=1, le=1000, description="virtual tokens")

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model with the prompt as a parameter ``prompt`` of its embeddings, drawn by torch's seed."""
        import torch

        embeddings = model.requires_grad_(False).get_input_embeddings()
        weight = embeddings.weight
        drawn = torch.randint(len(weight), (self.tokens,))
        embeddings.prompt = torch.nn.Parameter(weight.detach()[drawn].clone())

        def put(module: Module, _: object, found: torch.Tensor) -> torch.Tensor:
            prompt = module.prompt.to(found.dtype).expand(len(found), -1, -1)
            return torch.cat([prompt, found[:, self.tokens :]], dim=1)

        embeddings.prompting = embeddings.register_forward_hook(put)
        return Opened(model)

    def close(self, model: Module) -> Module:
        """The model as it was."""
        embeddings = model.get_input_embeddings()
        embeddings.prompting.remove()
        del embeddings.prompt, embeddings.prompting
        return model

    def fitting(self, model: Module, examples: Examples) -> list[int]:
        """Which of the sequences the model still sees whole with the prompt before them."""
        from blur_pipeline.models.anatomy import context_of

        context = context_of(model)
        return [i for i, ids in enumerate(examples.input_ids) if context is None or len(ids) + self.tokens <= context]

    def with_room(self, examples: Examples) -> Examples:
        """The same sequences with places for the prompt before them, which nothing is supervised in."""
        room = np.zeros(self.tokens, np.int64)
        ids = [np.concatenate([room, x]) for x in examples.input_ids]
        labels = []
        for old in examples.labels:
            old = old.copy()
            old[:1] = -100  # it stood first, where nothing predicted it
            labels.append(np.concatenate([room - 100, old]))
        return replace(examples, input_ids=ids, labels=labels)

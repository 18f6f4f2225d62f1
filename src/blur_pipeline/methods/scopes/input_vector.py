"""One vector at the input, and no weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.scopes.choice import Look, Opened, ScopeChoice

if TYPE_CHECKING:
    from torch.nn import Module


class InputVector(ScopeChoice):
    """Forget-Vector (Sun et al., arXiv 2412.16780), of language models: δ is added to every token's embedding.

    All weights are frozen. At the end δ becomes part of the embedding matrix, E ← E + 1δᵀ, which is the same for every
    input; so a plain checkpoint holds it, and any server. E = (0, 1), δ = 2 give (2, 3). A head that shares its matrix
    with the embeddings keeps the old one and is stored apart.
    """

    kind: Literal["input_vector"] = "input_vector"

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model with δ, zero, as a parameter ``shift`` of its embeddings.

        Raises:
            BadInputError: these embeddings do more than look up.
        """
        import torch

        embeddings = model.requires_grad_(False).get_input_embeddings()
        if type(embeddings) is not torch.nn.Embedding:
            raise BadInputError(f"scope 'input_vector' does not fit embeddings such as {type(embeddings).__name__}.")
        weight = embeddings.weight
        embeddings.shift = torch.nn.Parameter(torch.zeros(weight.shape[1], dtype=weight.dtype, device=weight.device))
        embeddings.shifting = embeddings.register_forward_hook(lambda module, _, found: found + module.shift)
        return Opened(model)

    def close(self, model: Module) -> Module:
        """δ in the matrix."""
        import torch

        embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
        if head.weight is embeddings.weight:
            head.weight = torch.nn.Parameter(head.weight.detach().clone())
            model.config.tie_word_embeddings = False
        with torch.no_grad():
            embeddings.weight.add_(embeddings.shift)
        embeddings.shifting.remove()
        del embeddings.shift, embeddings.shifting
        return model

"""What the layers of a decoder give, read or changed while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from blur_pipeline.models.anatomy import decoder_layers

Change = Callable[[int, Tensor], "Tensor | None"]
"""Of a layer's number and its output ``(B, T, H)`` what is to be given instead; None: the same."""


@contextmanager
def outputs_through(model: nn.Module, change: Change) -> Iterator[None]:
    """While open, the output of each decoder layer goes through ``change``."""

    def hook(depth: int) -> Callable:
        def through(_module: nn.Module, _inputs: object, output: Tensor | tuple) -> Tensor | tuple | None:
            hidden = output if isinstance(output, Tensor) else output[0]
            changed = change(depth, hidden)
            if changed is None:
                return None
            return changed if isinstance(output, Tensor) else (changed, *output[1:])

        return through

    handles = [layer.register_forward_hook(hook(depth)) for depth, layer in enumerate(decoder_layers(model))]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

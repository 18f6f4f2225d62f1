"""An attack that reads what the layers below the last one would have answered."""

from __future__ import annotations

from typing import ClassVar, Literal

from blur_pipeline.stress.choice import Access, Ask, Attack, Given


class Lens(Attack):
    """The logit lens (nostalgebraist, 2020; on unlearned models Łucki et al., arXiv 2409.18025): the final norm and the
    head read the output of each layer but the last, which is the model itself. What only the top suppresses shows.
    """

    kind: Literal["lens"] = "lens"
    access: ClassVar[Access] = "activations"
    drawn: ClassVar = False
    depth: ClassVar = 2

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks once a layer."""
        from blur_pipeline.models.anatomy import decoder_layers, ends_after

        for layer in range(len(decoder_layers(given.model)) - 1):
            with ends_after(given.model, layer):
                ask(given.model, given.forget, f"layer {layer}")

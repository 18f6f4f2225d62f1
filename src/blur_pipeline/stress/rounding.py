"""Attacks that make weights coarser, as a deployment may."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.stress.choice import Access, Ask, Attack, Given

if TYPE_CHECKING:
    from torch import Tensor

Bits = Annotated[int, Field(ge=2, le=16)]


class Quantise(Attack):
    """Every matrix of the decoder rounded to a grid: small updates may vanish (Zhang et al., arXiv 2410.16454).

    ``bits``: round to nearest, symmetric, one scale a group of ``group`` weights of a row (0: the whole row). ``nf4``:
    the 4-bit format of QLoRA (arXiv 2305.14314) by bitsandbytes, blocks of 64.
    """

    kind: Literal["quantise"] = "quantise"
    access: ClassVar[Access] = "weights"
    unit: ClassVar = "bits"
    drawn: ClassVar = False

    bits: Annotated[tuple[Bits, ...], Field(min_length=1)] = Field((8, 4, 3), description="each a form of the attack")
    group: int = Field(0, ge=0, le=2**20, description="weights that share a scale; 0: a row")
    nf4: bool = Field(False, description="whether 4 bits as bitsandbytes rounds them are a form too")

    def look(self) -> None:
        """Raises BadInputError where ``nf4`` is asked for and bitsandbytes is not installed."""
        if self.nf4 and find_spec("bitsandbytes") is None:
            raise BadInputError(
                "stress: 'nf4' needs bitsandbytes; pip install -e '.[eight_bit]', or set nf4 to false in the attack."
            )

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks once a number of bits."""
        from blur_pipeline.stress.matrices import with_matrices

        forms = [(f"{bits} bits", bits, lambda w, b=bits: rounded(w, b, self.group)) for bits in self.bits]
        if self.nf4:
            forms.append(("nf4", 4, in_nf4))
        for name, bits, coarser in forms:
            ask(with_matrices(given.model, coarser), given.forget, name, bits)


def rounded(weight: Tensor, bits: int, group: int = 0) -> Tensor:
    """To the nearest of −m … m times a scale, m = 2^(bits−1) − 1; the largest weight of a group is m scales.

    ``[[1.0, 0.4, -0.2]]`` in 2 bits (m = 1): scale 1, ``[[1, 0, 0]]``; in 3 bits (m = 3): scale ⅓, ``[[1, ⅓, -⅓]]``.
    A row that ``group`` does not divide is one group.
    """
    most = 2 ** (bits - 1) - 1
    whole = not group or weight.shape[-1] % group
    parts = weight.reshape(-1, weight.shape[-1] if whole else group)  # fused experts have rows in three dimensions
    scale = parts.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / most
    return ((parts / scale).round().clamp(-most, most) * scale).reshape(weight.shape)


def in_nf4(weight: Tensor) -> Tensor:
    """There and back."""
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    packed, state = quantize_4bit(weight.contiguous(), quant_type="nf4")
    return dequantize_4bit(packed, state).to(weight.dtype)

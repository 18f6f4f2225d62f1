"""Where a mixture of experts has its experts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Module

BLOCK = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)\.[^.]+$")


def mixtures(model: Module) -> dict[int, tuple[str, Module]]:
    """By decoder layer the block, with its name, whose router ``gate`` chooses among ``experts``; empty if dense.

    The router returns (logits, the chosen ones' scores, which they are), as transformers' all do; experts are fused:
    one tensor for all of a kind, the experts along its first dimension.
    """
    return {
        int(match[1]): (name, module)
        for name, module in model.named_modules()
        if (match := BLOCK.search(name)) and hasattr(module, "gate") and hasattr(module, "experts")
    }

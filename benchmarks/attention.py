"""Forward and backward of torch's attention on a GPU with grouped heads: as they are, and with key heads repeated.

python benchmarks/attention.py

32 query heads and 8 key heads of width 64, causal, as Llama 3.2 1B has them. models/heads.py goes by it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import hardware

HEADS, GROUPS, WIDTH = 32, 4, 64
REPEATS = 20


def main() -> None:
    """A Markdown table."""
    print(f"{hardware('cuda')}; torch {torch.__version__}\n")
    print(
        "| type | sequences × tokens | grouped, ms | MiB | repeated, ms | MiB |\n| --- | --- | --- | --- | --- | --- |"
    )
    for dtype in (torch.float32, torch.bfloat16):
        for rows, tokens in ((4, 512), (64, 128), (2, 2048)):
            query = torch.randn(rows, HEADS, tokens, WIDTH, device="cuda", dtype=dtype, requires_grad=True)
            key, value = (torch.randn_like(query[:, ::GROUPS]).requires_grad_() for _ in range(2))
            cells = [
                f"{x:.2f} | {y / 2**20:.0f}" for x, y in (_measured(f, query, key, value) for f in (grouped, repeated))
            ]
            print(f"| {str(dtype)[6:]} | {rows} × {tokens} | {' | '.join(cells)} |")


def grouped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Torch is told that query heads share key heads."""
    return scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)


def repeated(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As many key heads as query heads."""
    key, value = (x.repeat_interleave(GROUPS, 1) for x in (key, value))
    return scaled_dot_product_attention(query, key, value, is_causal=True)


def _measured(attend: Callable[..., Tensor], *heads: Tensor) -> tuple[float, int]:
    """Milliseconds of one forward and backward pass, and the bytes that it took at its height."""
    for _ in range(3):
        attend(*heads).sum().backward()
    torch.cuda.synchronize()
    before, start = torch.cuda.memory_allocated(), time.perf_counter()
    torch.cuda.reset_peak_memory_stats()
    for _ in range(REPEATS):
        attend(*heads).sum().backward()
    torch.cuda.synchronize()
    took = (time.perf_counter() - start) / REPEATS
    return 1e3 * took, torch.cuda.max_memory_allocated() - before


if __name__ == "__main__":
    main()

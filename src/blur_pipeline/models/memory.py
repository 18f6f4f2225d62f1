"""Keep freed memory for the next step: on the CPU, giving it back and fetching it anew costs a sixth of a step."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # malloc.h of glibc
NEVER, DEFAULT_TRIM, DEFAULT_PAD, DEFAULT_MAPS = 2**31 - 1, 128 * 1024, 128 * 1024, 65536
PAD = 256 * 2**20


@contextmanager
def freed_memory_is_kept(device: torch.device) -> Iterator[None]:
    """While open, glibc's allocator returns nothing to the system; afterwards all that is free at once.

    Does nothing on a GPU, whose allocator caches anyway, or with another C library.
    """
    libc = ctypes.CDLL(None)
    if device.type != "cpu" or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(MMAP_MAX, 0)
    libc.mallopt(TRIM_THRESHOLD, NEVER)
    libc.mallopt(TOP_PAD, PAD)
    try:
        yield
    finally:
        libc.mallopt(MMAP_MAX, DEFAULT_MAPS)
        libc.mallopt(TRIM_THRESHOLD, DEFAULT_TRIM)
        libc.mallopt(TOP_PAD, DEFAULT_PAD)
        libc.malloc_trim(0)

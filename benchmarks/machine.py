"""What the machine is, and what a process takes of it."""

from __future__ import annotations

import platform
import resource
from pathlib import Path

import torch


def wait(device: str) -> None:
    """Until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def resident() -> int:
    """Bytes of main memory that this process had at the height."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def peak(device: str, before: int) -> int:
    """Bytes at the height of what was measured, where it computes."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else resident() - before


def hardware(device: str) -> str:
    """Its name, and on a CPU the threads."""
    if device == "cuda":
        return torch.cuda.get_device_name(0)
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {torch.get_num_threads()} threads"

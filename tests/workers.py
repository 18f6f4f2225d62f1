"""Processes for tests: forked from a server that has imported all once, so that each starts in a moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


def start(function: Callable, *arguments: Any) -> BaseProcess:
    """A process that runs ``function`` on one thread."""
    process = _CONTEXT.Process(target=_one_thread, args=(function, *arguments), daemon=True)
    process.start()
    return process


def fork(function: Callable, *arguments: Any) -> BaseProcess:
    """A process that runs ``function`` with all threads, and may start others."""
    process = _CONTEXT.Process(target=function, args=arguments)
    process.start()
    return process


def run_ranks(function: Callable, ranks: int, folder: Path, *arguments: Any) -> None:
    """``function(rank, *arguments)`` in a gloo group of ``ranks`` processes; all must end well."""
    address = f"file://{folder}/rendezvous-{function.__name__}-{ranks}"
    processes = [start(_in_group, function, address, rank, ranks, *arguments) for rank in range(ranks)]
    for process in processes:
        process.join(240)
    assert [process.exitcode for process in processes] == [0] * ranks


def _one_thread(function: Callable, *arguments: Any) -> None:
    torch.set_num_threads(1)
    function(*arguments)


def _in_group(function: Callable, address: str, rank: int, ranks: int, *arguments: Any) -> None:
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=ranks)
    function(rank, *arguments)
    dist.destroy_process_group()

"""Where the time of a step goes, by torch's profiler: which kernels, how many launches, and what the clock says.

    python benchmarks/breakdown.py --device cuda --shape llama-3.2-1b --length 512 --engine precision=bf16
    python benchmarks/breakdown.py --engine compiled=true --rows 8

Two steps are looked at after four. Kernels beside the profiler's own rows take what they take without it; the clock is
that of the step before, since the profiler slows the host down.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
import yaml
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).parents[1]))

import contextlib

from benchmarks.machine import hardware, wait
from benchmarks.shapes import SHAPES, build, examples, sequences
from benchmarks.step import METHODS

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule

BEFORE, LOOKED_AT = 4, 2


class Seen(Exception):  # noqa: N818 (no error: what was to be seen was seen)
    """The training need not go on."""


def main() -> None:
    """The profiler's table, the longest first, under three lines of sums."""
    arguments = _arguments()
    device = torch.device(arguments.device)
    on_gpu = device.type == "cuda"
    looking = profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])])
    clock: list[float] = []

    def watch(row: dict) -> None:
        wait(arguments.device)
        clock.append(time.perf_counter())
        if row["step"] == BEFORE - 1:
            looking.__enter__()
        if row["step"] == BEFORE + LOOKED_AT - 1:
            looking.__exit__(None, None, None)
            raise Seen

    sizes = sequences("one", arguments.rows, arguments.length)
    forget, retain = (examples(arguments.shape, sizes, seed) for seed in (1, 2))
    schedule = Schedule(steps=2 * BEFORE, batch_size=arguments.rows, lr_curve="constant")
    run = Run(Recipe(**METHODS[arguments.method]), schedule, retain, forget, engine=arguments.engine, watchers=[watch])
    with contextlib.suppress(Seen):
        train(build(arguments.shape, arguments.device), run, device)
    found = looking.key_averages()
    kernels = [row for row in found if str(row.device_type).endswith("CUDA")]
    print(f"{hardware(arguments.device)}; torch {torch.__version__}; {arguments.method} on {arguments.shape}")
    print(f"a step by the clock: {clock[BEFORE - 1] - clock[BEFORE - 2]:.3f} s")
    if on_gpu:
        print(f"a step's kernels:    {sum(k.self_device_time_total for k in kernels) / LOOKED_AT / 1e6:.3f} s, "
              f"{sum(row.count for row in found if 'LaunchKernel' in row.key) // LOOKED_AT} launches\n")  # fmt: skip
    by = "self_cuda_time_total" if on_gpu else "self_cpu_time_total"
    print(found.table(sort_by=by, row_limit=arguments.lines, max_name_column_width=70))


def _engine(text: str) -> Engine:
    pairs = (part.split("=", 1) for part in text.split(",") if part)
    return Engine(**{name: yaml.safe_load(value) for name, value in pairs})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=METHODS, default="blur_npo")
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-8-layers")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rows", type=int, default=4, help="sequences of each side in a step")
    parser.add_argument("--length", type=int, default=64, help="tokens of each")
    parser.add_argument("--engine", type=_engine, default=Engine(), help="options of the training block, by comma")
    parser.add_argument("--lines", type=int, default=25, help="of the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()

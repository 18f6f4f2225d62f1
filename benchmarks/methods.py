"""Time and peak memory of one step of every preset, relative to plain NPO's in the same run; a process each.

    python benchmarks/methods.py                                # all presets of conf/base, on this machine's CPU
    python benchmarks/methods.py --methods blur_npo,sam_npo --rounds 3
    python benchmarks/methods.py --device cuda --shape llama-3.2-1b

All are measured one after the other, NPO first and again after every few others, so that a machine that slows down
slows both; each is divided by the NPO before it, and the median over the rounds is shown. Edits have no steps. What a
method pays once, before its first step (Fisher scores, reinforced models, reference log-probabilities), is not in it.

Needs torch, transformers (with the PyYAML that it brings) and pydantic beside src/blur_pipeline/{methods,training}.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import hardware, peak, resident, wait
from benchmarks.shapes import SHAPES, build, examples, sequences

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.examples import Examples
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule

PRESETS = Path(__file__).parents[1] / "conf/base/parameters/methods"
SLOTS = ("forget", "retain", "gradient", "weighting", "scope", "optimizer")
BESIDE = 8
"""After so many presets NPO is measured again."""


def presets() -> dict[str, dict]:
    """The slots of every preset that is trained, by name."""
    found = {}
    for path in sorted(PRESETS.glob("*.yml")):
        preset = yaml.safe_load(path.read_text())["unlearning"]["methods"][path.stem]
        if "edit" not in preset:
            found[path.stem] = {slot: preset[slot] for slot in SLOTS if slot in preset}
    return found


def main() -> None:
    """One Markdown table."""
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(measure(arguments.worker, arguments)))
        return
    names = arguments.methods.split(",") if arguments.methods else [n for n in presets() if n != "npo"]
    ratios: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for at, name in enumerate(names):
            if at % BESIDE == 0:
                plain = _in_a_process("npo")
            if (found := _in_a_process(name)) and plain:
                ratios[name].append((found["seconds"] / plain["seconds"], found["peak"] / plain["peak"]))
                print(f"{name}: {ratios[name][-1][0]:.2f}, {ratios[name][-1][1]:.2f}", file=sys.stderr)
    by = f"{hardware(arguments.device)}; torch {torch.__version__}"
    step = f"{arguments.shape}, {arguments.rows}+{arguments.rows} × {arguments.length} tokens, fp32"
    print(f"{by}; {step}; npo: {plain['seconds']:.2f} s, {plain['peak'] / 2**20:.0f} MiB\n")
    print("| preset | time of a step | peak memory |\n| --- | --- | --- |")
    for name, found in ratios.items():
        told = [f"{statistics.median(part):.2f}" for part in zip(*found, strict=True)] or ["failed", ""]
        print(f"| {name} | {' | '.join(told)} |")


def measure(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """The median of the seconds between rows of its log after the first, and the highest memory."""
    before, recipe = resident(), Recipe(**presets()[name])
    sizes = sequences("one", arguments.rows, arguments.length)
    asked = [*recipe.sets(), *(["holdout"] if recipe.measures("holdout") else [])]
    further = {part: examples(arguments.shape, sizes, 3) for part in ("traces", "cot", "holdout") if part in asked}
    forget = _with_all(examples(arguments.shape, sizes, 1), arguments.shape, sizes)
    seconds: list[float] = []
    last = [0.0]

    def watch(row: dict) -> None:
        wait(arguments.device)
        now = time.perf_counter()
        seconds.append(now - last[0])
        last[0] = now

    schedule = Schedule(steps=arguments.steps + 1, batch_size=arguments.rows, lr_curve="constant")
    engine = Engine(micro_batch_size=arguments.rows)
    retain = examples(arguments.shape, sizes, 2)
    run = Run(recipe, schedule, retain, forget, engine=engine, watchers=[watch], further=further)
    train(build(arguments.shape, arguments.device), run, torch.device(arguments.device))
    return {"seconds": statistics.median(seconds[1:]), "peak": peak(arguments.device, before)}


def _with_all(forget: Examples, shape: str, sizes: list[tuple[int, int]]) -> Examples:
    """With the other answers that some preset asks for."""
    names = {"refusal": 4, "alternative": 5, "generic": 6}
    beside = {name: examples(shape, sizes, seed) for name, seed in names.items()}
    return replace(forget, companions=beside)


def _in_a_process(name: str) -> dict[str, float] | None:
    done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--worker", name], capture_output=True, text=True)
    if done.returncode:
        print(f"{name}: failed\n{done.stderr[-1000:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", help="presets by comma; default: all")
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-8-layers")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rows", type=int, default=4, help="sequences of each side in a step")
    parser.add_argument("--length", type=int, default=64, help="tokens of each")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

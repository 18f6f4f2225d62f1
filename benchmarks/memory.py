"""Bytes on each device of a training, by the arithmetic that tests/training/test_footprint.py holds to the truth.

    python benchmarks/memory.py                   # the arithmetic: 1B, 8B and 70B with each plan
    python benchmarks/memory.py --measure 8B      # on a GPU: what it says beside what is allocated, plans that fit

Measured is the third step of 4+4 sequences of 512 tokens, half of them supervised, one micro-batch a side, with
gradient checkpointing and logits by chunks, of a model with random weights that bfloat16 holds; a process a plan.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import hardware
from benchmarks.shapes import build, examples, sequences

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.footprint import Footprint, footprint
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule

SHAPES = {"1B": "llama-3.2-1b", "8B": "llama-3.1-8b"}
ROWS, LENGTH = 4, 512
MODELS = {"1B": (1.24e9, 11.3e6, 263e6), "8B": (8.03e9, 41.9e6, 525e6), "70B": (70.6e9, 207e6, 1051e6)}
"""Weights of Llama 3.2 and 3.1, those of LoRA adapters of rank 16 on every linear layer, those of the embeddings."""
NPO, LORA = Recipe(forget={"kind": "npo"}), {"kind": "lora", "rank": 16}
NPO_8BIT = Recipe(forget={"kind": "npo"}, optimizer={"kind": "adamw_8bit"})
PLANS = {
    "all weights, fp32": (NPO, Engine()),
    "all weights, bf16": (NPO, Engine(precision="bf16")),
    "all weights, bf16, adamw_8bit": (NPO_8BIT, Engine(precision="bf16")),
    "all weights, bf16, adamw_8bit, gradient_buffer host": (
        NPO_8BIT, Engine(precision="bf16", gradient_buffer="host")),
    "LoRA, bf16": (Recipe(forget={"kind": "npo"}, retain={"kind": "kl"}, scope=LORA), Engine(precision="bf16")),
    "all weights, bf16, fsdp over 8": (NPO, Engine(precision="bf16", sharding="fsdp", processes=8)),
    "all weights, bf16, fsdp over 16, gradient_buffer host": (
        NPO, Engine(precision="bf16", sharding="fsdp", processes=8, nodes=2, rendezvous="a:1", gradient_buffer="host")),
    "LoRA, bf16, fsdp over 8": (
        Recipe(forget={"kind": "npo"}, scope=LORA), Engine(precision="bf16", sharding="fsdp", processes=8)),
}  # fmt: skip


class Seen(Exception):  # noqa: N818 (no error: what was to be seen was seen)
    """After two steps the training need not bring the model home."""


def main() -> None:
    """A Markdown table: GB at the height of a step on each device, in brackets what stays from step to step."""
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(_measure(arguments.measure, arguments.worker)))
    elif arguments.measure:
        _beside_each_other(arguments.measure, arguments.plans.split(",,") if arguments.plans else None)
    else:
        _on_paper()


def _on_paper() -> None:
    print("| plan | " + " | ".join(MODELS) + " |\n| --- " + "| --- " * len(MODELS) + "|")
    for name in PLANS:
        cells = [
            f"{said.peak / 1e9:.1f} ({said.static / 1e9:.1f})" for said in (_said(name, *m) for m in MODELS.values())
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


def _said(plan: str, weights: float, adapters: float, embeddings: float) -> Footprint:
    recipe, engine = PLANS[plan]
    lora = recipe.scope.kind == "lora"
    trained, largest = (adapters, 0) if lora else (weights, embeddings)
    parts = engine.processes * engine.nodes
    return footprint(int(weights + lora * adapters), int(trained), recipe, engine, parts, int(largest))


def _beside_each_other(model: str, plans: list[str] | None) -> None:
    room = torch.cuda.get_device_properties(0).total_memory
    print(f"{hardware('cuda')}; torch {torch.__version__}; {SHAPES[model]}, {ROWS}+{ROWS} × {LENGTH} tokens\n")
    print(
        "| plan | said: stays, GB | allocated | said: height of a step, GB | allocated, with activations | s a step |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for plan, (_, engine) in PLANS.items():
        said = _said(plan, *MODELS[model])
        if engine.distributed or said.peak > room or (plans and plan not in plans):
            continue
        command = [sys.executable, __file__, "--measure", model, "--worker", plan]
        done = subprocess.run(command, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1]) if not done.returncode else {}
        told = [f"{found[x] / 1e9:.1f}" if found else "failed" for x in ("static", "peak")]
        print(f"| {plan} | {said.static / 1e9:.1f} | {told[0]} | {said.peak / 1e9:.1f} | {told[1]} "
              f"| {found.get('seconds', 0):.2f} |")  # fmt: skip
        if not found:
            print(done.stderr[-800:], file=sys.stderr)


def _measure(name: str, plan: str) -> dict[str, float]:
    recipe, engine = PLANS[plan]
    engine = engine.model_copy(update={"gradient_checkpointing": True, "logits_chunk": 512})
    model = build(SHAPES[name], "cuda", torch.bfloat16).cpu()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    sizes, seen = sequences("one", ROWS, LENGTH), {}

    def watch(row: dict) -> None:
        torch.cuda.synchronize()
        if row["step"] == 2:
            seen.update(static=torch.cuda.memory_allocated(), peak=torch.cuda.max_memory_allocated())
            seen["seconds"] = time.perf_counter() - seen["start"]
            raise Seen
        seen["start"] = time.perf_counter()

    forget, retain = (examples(SHAPES[name], sizes, seed) for seed in (1, 2))
    schedule = Schedule(steps=4, batch_size=ROWS, lr_curve="constant")
    try:
        train(model, Run(recipe, schedule, retain, forget, engine=engine, watchers=[watch]), torch.device("cuda"))
    except Seen:
        return seen
    raise AssertionError("the third step was not seen")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", choices=SHAPES, help="on this machine's GPU, instead of the arithmetic alone")
    parser.add_argument("--plans", help="of those that are measured these alone, by two commas")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Time and peak memory of one step, ours beside the plain layout of the published one; one process each.

    python benchmarks/step.py                                  # BLUR-NPO, SmolLM2-135M's shape, this machine's CPU
    python benchmarks/step.py --method blur_rmu --shape smollm2-32-layers
    python benchmarks/step.py --device cuda --shape llama-3.2-1b --length 512
    python benchmarks/step.py --device cuda --method blur_rmu --shape zephyr-7b --length 512
    python benchmarks/step.py --lengths tofu                   # sequences of many lengths, as questions have them
    python benchmarks/step.py --json here.json;  python benchmarks/step.py --compare there.json

One length hides what padding and masks cost. ``--compare`` sets the steps that another checkout or program measured
beside ours; benchmarks/table.py says what stands in such a file.

Needs torch, transformers and pydantic beside src/blur_pipeline/{methods,training}; PYTHONPATH=src where the project
is not installed.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import hardware, peak, resident, wait
from benchmarks.plain import PlainNPO, PlainRMU, plain_step
from benchmarks.products import Products
from benchmarks.shapes import SHAPES, build, examples, sequences
from benchmarks.table import read, table, write

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.memory import freed_memory_is_kept
from blur_pipeline.training import kernels
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule

READ_LAYER = 7
STILL = {"optimizer": {"kind": "adamw", "lr": 1e-9}}
"""Steps cost the same wherever they go; a model that had forgotten would have a gradient of zeros."""
NPO = {"forget": {"kind": "npo", "beta": 0.1}, "retain": {"kind": "nll"}, **STILL}
RMU = {
    "forget": {"kind": "rmu", "layer": READ_LAYER},
    "retain": {"kind": "activation_mse", "layer": READ_LAYER},
    "scope": {"kind": "modules", "patterns": ["*.layers.[567].mlp.down_proj.weight"]},
    **STILL,
}
METHODS = {
    "blur_npo": {**NPO, "weighting": {"kind": "bilevel"}},
    "npo": {**NPO, "weighting": {"kind": "sum"}},
    "blur_rmu": {**RMU, "weighting": {"kind": "bilevel"}},
    "rmu": {**RMU, "weighting": {"kind": "sum"}},
}
VARIANTS: dict[str, dict] = {
    "plain fp32": {},
    "ours fp32": {},
    "ours fp32 + bf16 buffer": {"gradient_buffer": "bf16"},
    "ours fp32 + compiled": {"compiled": True},
    "ours fp32 + checkpointing": {"gradient_checkpointing": True},
    "ours fp32 + memory given back": {},
    "ours bf16 autocast": {"precision": "bf16_autocast"},
    "ours bf16": {"precision": "bf16"},
    "ours bf16 + bf16 buffer": {"precision": "bf16", "gradient_buffer": "bf16"},
    "ours bf16 + compiled": {"precision": "bf16", "compiled": True},
    "ours bf16 + logits in chunks": {"precision": "bf16", "logits_chunk": 64},
    "plain fp32 + memory kept": {},
    "plain bf16": {"precision": "bf16"},
}
DEFAULT = ["plain fp32", "ours fp32", "sum fp32", "ours bf16 autocast", "ours bf16"]


def main() -> None:
    """Run each variant in a process of its own and print one table."""
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(_measure(arguments, arguments.worker)))
        return
    sizes = sequences(arguments.lengths, arguments.rows, arguments.length)
    setting = {name: getattr(arguments, name) for name in ("method", "shape", "device")}
    setting |= {"sequences": [list(size) for size in sizes]}
    by = f"{hardware(arguments.device)}; torch {torch.__version__}"
    others = read(arguments.compare, setting) if arguments.compare else ("", {})
    told = f"{arguments.length}" if arguments.lengths == "one" else f"{sizes[0][0]} to {sizes[-1][0]}"
    print(f"{by}\n{arguments.method} on {arguments.shape}, {arguments.rows}+{arguments.rows} × {told} tokens, about "
          f"half of them supervised; median of {arguments.steps} steps after one\n")  # fmt: skip
    found = {}
    for variant in arguments.variants.split(","):
        command = [sys.executable, __file__, *sys.argv[1:], "--worker", variant.strip()]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{variant}: failed\n{done.stderr[-2000:]}")
            continue
        found[variant.strip()] = json.loads(done.stdout.splitlines()[-1])
    if not found:
        raise SystemExit("no variant could be measured")
    print(table(found | {f"{name} (theirs)": step for name, step in others[1].items()}))
    if others[0]:
        print(f"\nTheirs: {others[0]}")
    if arguments.json:
        write(arguments.json, setting, by, found)


def _measure(arguments: argparse.Namespace, variant: str) -> dict:
    device, method = arguments.device, arguments.method
    precision = "bf16" if "bf16" in variant.split("+")[0] else "fp32"
    of_matrices = _matrix_peak(device, torch.bfloat16 if precision == "bf16" else torch.float32)
    before = resident()
    sizes = sequences(arguments.lengths, arguments.rows, arguments.length)
    forget, retain = (examples(arguments.shape, sizes, seed) for seed in (1, 2))
    seconds: list[float] = []
    flops: list[float] = []
    products = Products()
    static = 0
    if variant.startswith("plain"):
        model = build(arguments.shape, device, torch.bfloat16 if precision == "bf16" else torch.float32)
        if "rmu" in method:
            trained = [model.model.layers[i].mlp.down_proj.weight for i in (5, 6, 7)]
            losses = PlainRMU(model, READ_LAYER, trained)
        else:
            losses = PlainNPO(model)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-9, fused=True)
        batches = [x.batch(range(arguments.rows)).to(torch.device(device)) for x in (forget, retain)]
        kept = freed_memory_is_kept(torch.device(device)) if "kept" in variant else nullcontext()
        with kept:
            for step in range(arguments.steps + 2):
                _timed(lambda: plain_step(losses, optimizer, *batches), step, arguments, seconds, flops, products)
        optimizer.zero_grad()
        static = _static(model, torch.device(device))
    else:
        recipe = METHODS[method.replace("blur_", "") if variant.startswith("sum") else method]
        engine = Engine(**VARIANTS[variant.replace("sum", "ours")], micro_batch_size=arguments.rows)
        model = _untrained(arguments.shape, device, "rmu" in method)
        if "given back" in variant:
            kernels.freed_memory_is_kept = lambda device: nullcontext()
        static = _train(model, recipe, engine, arguments, forget, retain, seconds, flops, products)
    return {
        "seconds": statistics.median(seconds),
        "flops": flops[0],
        "products": products.seconds(device),
        "peak": peak(device, before),
        "static": static,
        "matrix_peak": of_matrices,
    }


def _untrained(shape: str, device: str, in_part: bool) -> torch.nn.Module:
    """Where ``in_part`` of it will run it comes on the host, in half precision out of a GPU, which draws it sooner."""
    if device == "cpu" or not in_part:
        return build(shape, device)
    model = build(shape, device, torch.bfloat16).cpu()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return model


def _train(model, recipe, engine, arguments, forget, retain, seconds, flops, products) -> int:
    """Our engine itself, timed from row to row; the last step is counted instead of timed."""
    counter = FlopCounterMode(display=False)
    last, static = [time.perf_counter()], [0]
    device = torch.device(arguments.device)

    def watch(row: dict) -> None:
        wait(arguments.device)
        now = time.perf_counter()
        if 1 <= row["step"] <= arguments.steps:
            seconds.append(now - last[0])
        if row["step"] == arguments.steps:
            static[0] = _static(model, device, idle_above=READ_LAYER if "rmu" in arguments.method else None)
            counter.__enter__()
            products.__enter__()
        if row["step"] == arguments.steps + 1:
            products.__exit__(None, None, None)
            counter.__exit__(None, None, None)
            flops.append(counter.get_total_flops())
        last[0] = time.perf_counter()

    schedule = Schedule(steps=arguments.steps + 2, batch_size=arguments.rows, lr_curve="constant")
    train(model, Run(Recipe(**recipe), schedule, retain, forget, engine=engine, watchers=[watch]), device)
    return static[0]


def _static(model: torch.nn.Module, device: torch.device, idle_above: int | None = None) -> int:
    """Bytes that stay from step to step where it computes: weights that run, θ₀'s, the optimizer's, and float32
    originals that wait for the end.

    On a GPU this is what is allocated there; on a CPU every tensor that lives counts, but for the layers above the
    read layer, which lie in the same memory and which nothing touches.
    """
    if device.type == "cuda":
        return torch.cuda.memory_allocated()
    plain = (torch.Tensor, torch.nn.Parameter)  # a compiler leaves tensors of its own kinds, which hold nothing
    living = (t for t in gc.get_objects() if type(t) in plain and t.device.type == "cpu")
    held = {s.data_ptr(): s.nbytes() for s in (t.untyped_storage() for t in living)}
    idle = [] if idle_above is None else model.model.layers[idle_above + 1 :]
    return sum(held.values()) - sum(p.nbytes for layer in idle for p in layer.parameters())


def _timed(step, number, arguments, seconds, flops, products) -> None:
    if number == arguments.steps + 1:
        with FlopCounterMode(display=False) as counter, products:
            step()
        flops.append(counter.get_total_flops())
        return
    start = time.perf_counter()
    step()
    wait(arguments.device)
    if number:
        seconds.append(time.perf_counter() - start)


def _matrix_peak(device: str, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product in this precision, the machine's practical peak."""
    size = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        a @ b
        wait(device)
        best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=[m for m in METHODS if m.startswith("blur")], default="blur_npo")
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-135m")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rows", type=int, default=4, help="sequences of each side in a step")
    parser.add_argument("--length", type=int, default=128, help="tokens of each, where all are of one length")
    parser.add_argument("--lengths", choices=["one", "tofu"], default="one", help="of the sequences of a side")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--variants", default=",".join(DEFAULT), help="by comma")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    parser.add_argument("--compare", type=Path, help="a file of steps measured elsewhere, to show beside these")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

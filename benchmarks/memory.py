"""Bytes on each device of a training, by the arithmetic that tests/training/test_footprint.py holds to the truth.

python benchmarks/memory.py
"""

from __future__ import annotations

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.footprint import footprint

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


def main() -> None:
    """A Markdown table: GB at the height of a step on each device, in brackets what stays from step to step."""
    print("| plan | " + " | ".join(MODELS) + " |\n| --- " + "| --- " * len(MODELS) + "|")
    for name, (recipe, engine) in PLANS.items():
        cells = []
        for weights, adapters, embeddings in MODELS.values():
            lora = recipe.scope.kind == "lora"
            parts = engine.processes * engine.nodes
            trained, largest = (adapters, 0) if lora else (weights, embeddings)
            said = footprint(int(weights + lora * adapters), int(trained), recipe, engine, parts, int(largest))
            cells.append(f"{said.peak / 1e9:.1f} ({said.static / 1e9:.1f})")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

"""Model shapes to measure on, with random weights: time and memory do not depend on what the weights are."""

from __future__ import annotations

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, PreTrainedModel

from blur_pipeline.models.examples import IGNORED, Examples

SHAPES = {
    "smollm2-135m": LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
        num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True,
    ),
    "smollm2-32-layers": LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=32,
        num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True,
    ),
    "llama-3.2-1b": LlamaConfig(
        vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16,
        num_attention_heads=32, num_key_value_heads=8, head_dim=64, tie_word_embeddings=True,
    ),
    "zephyr-7b": MistralConfig(
        vocab_size=32000, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8, tie_word_embeddings=False,
    ),
}  # fmt: skip


def build(shape: str, device: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A model of this shape."""
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(SHAPES[shape], dtype=dtype)


def examples(shape: str, rows: int, length: int, seed: int) -> Examples:
    """Random sequences of one length, the second half of each supervised."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(3, SHAPES[shape].vocab_size, length) for _ in range(rows)]
    labels = [np.where(np.arange(length) < length // 2, IGNORED, i) for i in ids]
    return Examples.from_columns(ids, labels).with_reference(np.full(rows, -10.0 * length / 2))

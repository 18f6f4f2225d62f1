"""Model shapes to measure on, with random weights: time and memory do not depend on what the weights are."""

from __future__ import annotations

import math

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
    "smollm2-8-layers": LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=8,
        num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True,
    ),
    "llama-3.2-1b": LlamaConfig(
        vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16,
        num_attention_heads=32, num_key_value_heads=8, head_dim=64, tie_word_embeddings=True,
    ),
    "llama-3.1-8b": LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8, tie_word_embeddings=False,
    ),
    "zephyr-7b": MistralConfig(
        vocab_size=32000, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8, tie_word_embeddings=False,
    ),
}  # fmt: skip

TOFU = [(58, 16), (66, 23), (72, 25), (74, 28), (77, 31), (79, 32), (81, 34), (83, 35), (85, 37), (88, 39), (90, 41),
        (93, 43), (96, 47), (100, 49), (105, 54), (121, 63)]  # fmt: skip
"""Tokens and supervised tokens (the answer and the end of the sequence) of TOFU's forget10 in SmolLM2-135M-Instruct's
tokenizer and chat template: its 400 questions with answers sorted by length, cut into sixteen parts, the mean of each.
The shortest has 49 tokens, the longest 162, the mean is 85."""


def build(shape: str, device: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A model of this shape."""
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(SHAPES[shape], dtype=dtype)


def sequences(lengths: str, rows: int, length: int) -> list[tuple[int, int]]:
    """Tokens and supervised tokens of each of ``rows``: all alike, or evenly out of the spread of a real set."""
    if lengths == "one":
        return [(length, length - length // 2)] * rows
    return [TOFU[(2 * i + 1) * len(TOFU) // (2 * rows)] for i in range(rows)]


def examples(shape: str, sizes: list[tuple[int, int]], seed: int) -> Examples:
    """Random sequences of these sizes, the end of each supervised."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(3, SHAPES[shape].vocab_size, tokens) for tokens, _ in sizes]
    labels = [
        np.where(np.arange(tokens) < tokens - supervised, IGNORED, i)
        for i, (tokens, supervised) in zip(ids, sizes, strict=True)
    ]
    guessed = -math.log(SHAPES[shape].vocab_size)  # a token's log-probability, as of a model with random weights
    return Examples.from_columns(ids, labels).with_reference([guessed * supervised for _, supervised in sizes])

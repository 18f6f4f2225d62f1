"""Sampled answers of a model: the same question again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from blur_pipeline.models.progress import ProgressBar
from blur_pipeline.scoring.completions import continued


class Sampler(NamedTuple):
    """Draws each token from all that the model gives, at a temperature: no top-k, no top-p, whatever its folder says.

    At most ``tokens_at_once`` tokens are in memory, padding and answers among them, but at least one answer.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    temperature: float
    max_new_tokens: int
    tokens_at_once: int
    stops: Sequence[int] = ()
    """At which tokens an answer ends (``continued``)."""

    def __call__(self, prompts: Sequence[np.ndarray], count: int, seed: int) -> list[list[str]]:
        """Of each prompt of token ids ``count`` decoded answers, in the order of the prompts."""
        self.model.eval()
        device = self.model.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):  # whoever draws next is not told
            torch.manual_seed(seed)
            return self._answers(prompts, count)

    def _answers(self, prompts: Sequence[np.ndarray], count: int) -> list[list[str]]:
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        answers: list[list[str]] = [[] for _ in prompts]
        most = max(1, self.tokens_at_once // (max(map(len, prompts)) + self.max_new_tokens))
        together = max(1, most // count)
        with ProgressBar("Sampling", len(prompts), start=0) as bar:
            for first in range(0, len(order), together):
                members = order[first : first + together]
                while (left := count - len(answers[members[0]])) > 0:
                    portion = min(left, max(1, most // len(members)))
                    texts = self._draw([prompts[i] for i in members], portion)
                    for place, i in enumerate(members):
                        answers[i] += texts[place * portion : (place + 1) * portion]
                bar({"step": first + len(members) - 1})
        return answers

    def _draw(self, prompts: Sequence[np.ndarray], portion: int) -> list[str]:
        how = {"max_new_tokens": self.max_new_tokens, "do_sample": True, "num_return_sequences": portion}
        how |= {"temperature": self.temperature, "top_k": 0, "top_p": 1.0}
        return continued(self.model, self.tokenizer, prompts, how, self.stops)

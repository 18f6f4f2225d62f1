"""How much of a reference text a completion holds, and whether it is still language."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

ROUGE_COLUMNS = ("rouge", "rouge_l_f1", "rouge_1", "rouge_1_f1")
"""ROUGE-L recall (TOFU's ROUGE), its F1, ROUGE-1 recall and F1; all with the stemmer."""


def rouge(references: Sequence[str], completions: Sequence[str]) -> dict[str, np.ndarray]:
    """``(n,)`` float64 in [0, 1] under each of ``ROUGE_COLUMNS``, by Google's rouge-score.

    "the cat sat" against "the cat" has 2 of 3 words: recall 0.667, precision 1, F1 0.8.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL", "rouge1"], use_stemmer=True)
    found = [scorer.score(r, c) for r, c in zip(references, completions, strict=True)]
    values = [(f["rougeL"].recall, f["rougeL"].fmeasure, f["rouge1"].recall, f["rouge1"].fmeasure) for f in found]
    table = np.array(values, dtype=np.float64).reshape(-1, len(ROUGE_COLUMNS))
    return {name: table[:, i] for i, name in enumerate(ROUGE_COLUMNS)}


def rouge_l_f1(references: Sequence[str], completions: Sequence[str]) -> np.ndarray:
    """``(n,)`` ROUGE-L F1 without the stemmer, as MUSE measures VerbMem and KnowMem."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    pairs = zip(references, completions, strict=True)
    return np.array([scorer.score(r, c)["rougeL"].fmeasure for r, c in pairs], dtype=np.float64)


def cut_answer(completion: str) -> str:
    """An in-context answer ends at a blank line or where the model goes on to ask (MUSE's KnowMem)."""
    return re.split(r"\n\s*\n|Question:", completion, maxsplit=1)[0].strip()


def distinct_words(completion: str, n: int = 4) -> float:
    """Share of different n-grams of words: 1 where nothing repeats, near 0 in a loop; NaN below n words.

    "a b a b a b" has three four-grams, two of them different: 0.667.
    """
    words = completion.split()
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else np.nan

"""How much of a reference text a completion holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def rouge_l_recall(references: Sequence[str], completions: Sequence[str]) -> np.ndarray:
    """``(n,)`` float64 in [0, 1]: ROUGE-L recall with the stemmer on, by Google's rouge-score (TOFU's ROUGE).

    "the cat sat" against "the cat" has a common subsequence of 2 of 3 words: 0.667.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    pairs = zip(references, completions, strict=True)
    return np.array([scorer.score(r, c)["rougeL"].recall for r, c in pairs], dtype=np.float64)

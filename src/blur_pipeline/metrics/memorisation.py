"""How much of an answer a model has by heart, from whether each label was the arg-max.

Of the n supervised tokens before the last, which is the end-of-sequence one of an answer (open-unlearning's
convention); teacher-forced, not generated.
"""

from __future__ import annotations

import numpy as np


def exact_memorisation(correct: np.ndarray) -> float:
    """Share of tokens whose arg-max is the label (Tirumala et al., arXiv 2205.10770); NaN where n = 0.

    Right, wrong, right, right gives ¾.
    """
    return float(np.mean(correct)) if len(correct) else np.nan


def extraction_strength(correct: np.ndarray) -> float:
    """1 − k/n, k the shortest prefix after which all is right (Carlini et al., arXiv 2012.07805).

    Right, wrong, right, right gives k = 2 and ½. k is at most n − 1, as published: a last token that is wrong
    gives 1/n. 0 where n = 0.
    """
    n = len(correct)
    if n == 0:
        return 0.0
    wrong = np.flatnonzero(~np.asarray(correct, dtype=bool))
    k = int(wrong[-1]) + 1 if len(wrong) else 0
    return 1 - min(k, n - 1) / n


def fact_probability(logprobs: np.ndarray, start: int, end: int) -> float:
    """exp of the mean log-probability of the tokens ``[start, end)``, which hold the fact; NaN where none do (−1).

    Of an answer "Amara Brontis was born in Lisbon." most of the likelihood lies on the name, which the question gives
    away; this looks at "Lisbon" alone. log ½, log ¼, log ¼ from 1 to 3 gives ¼.
    """
    return float(np.exp(np.mean(logprobs[start:end]))) if 0 <= start < end <= len(logprobs) else np.nan

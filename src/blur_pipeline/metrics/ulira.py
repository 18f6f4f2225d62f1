"""U-LiRA: can one model be told to be unlearned, and not retrained, by somebody who has others of both kinds?

Hayes et al., arXiv 2403.01218: the likelihood ratio of a row's margin under two normal fits, row by row.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blur_pipeline.metrics.exchanges import exchanged
from blur_pipeline.statistics.areas import weighted_auc

LEAST_SPREAD = 0.01
"""Nats: the floor of a fitted standard deviation. Where all margins are clipped there is none."""
FALSE_POSITIVES = 0.01
AT_ONCE = 2**22
"""Weights that are held at once."""


def log_ratios(unlearned: np.ndarray, retrained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(k, n)`` each: the score of every unlearned and of every retrained model, higher for what looks unlearned.

    ``unlearned``, ``retrained`` ``(k, n)``: margins of n rows under k models a side. The score of φ is
    log N(φ; μ_U, σ_U) − log N(φ; μ_R, σ_R), the fits being of all models but those of its own seed, on *both* sides:
    with one side of k − 1 and the other of k, the models would be told by that alone.
    """
    as_unlearned, as_retrained = _fits_to_others(unlearned), _fits_to_others(retrained)
    return tuple(_log_density(x, *as_unlearned) - _log_density(x, *as_retrained) for x in (unlearned, retrained))


def _fits_to_others(margins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, ``(k, n)`` each: of the k − 1 other models, seen from each.

    With y = x − x̄ the others' mean is x̄ − y/(k − 1) and their sum of squares Σy² − y²·k/(k − 1).
    """
    k = len(margins)
    mean = margins.mean(axis=0)
    apart = margins - mean
    squares = (apart**2).sum(axis=0) - apart**2 * k / (k - 1)
    spread = np.sqrt(np.maximum(squares, 0) / (k - 2))
    return mean - apart / (k - 1), np.maximum(spread, LEAST_SPREAD)


def _log_density(x: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Of the normal distribution, less the constant that cancels."""
    return -0.5 * ((x - mean) / spread) ** 2 - np.log(spread)


def area(unlearned: np.ndarray, retrained: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``(samples,)``: the AUC of telling a seed's unlearned model from its retrained one, all rows together; the seeds'
    mean.

    Scores ``(k, n)`` as ``log_ratios`` gives them; ``weights`` ``(samples, n)`` say how often each row is drawn. Both
    models of a seed are judged by the same fits, so that without a difference they could change places: ½, however
    much the rows of a model move together. Scores of *different* seeds are not compared: who is left out is missing
    from his own side's mean, and looks like the other side; over one row that alone gives 0.44.
    """
    return np.mean([weighted_auc(*pair, weights, weights) for pair in zip(retrained, unlearned, strict=True)], axis=0)


def detected(unlearned: np.ndarray, retrained: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``(samples,)``: true positives at ``FALSE_POSITIVES``, all rows and models together; as ``area`` otherwise."""
    scores = retrained.ravel(), unlearned.ravel()
    return np.concatenate([true_positives(*scores, drawn) for drawn in _portions(weights, len(unlearned))])


def detected_without_difference(unlearned: np.ndarray, retrained: np.ndarray, seed: int) -> float:
    """The mean of ``detected`` over exchanged sides of *margins*.

    Not ``FALSE_POSITIVES``: where the rows of a model move together, the highest percent may be all of one model's.
    """
    once = np.ones((1, unlearned.shape[1]))
    return float(np.mean([detected(*log_ratios(*sides), once) for sides in exchanged(unlearned, retrained, seed)]))


def true_positives(retrained: np.ndarray, unlearned: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``(samples,)``: share of the unlearned scores above the lowest threshold that 1 % of the retrained ones exceed.

    Scores ``(m,)`` of either side, in the same order of rows; ``weights`` ``(samples, m)`` of both. Of a hundred
    retrained scores one may lie above the threshold, which is then the second highest of them.
    """
    negative, positive = np.argsort(retrained), np.argsort(unlearned)
    sorted_negative = retrained[negative]
    total = weights.sum(axis=1, keepdims=True)
    below = np.cumsum(weights[:, negative], axis=1)[:, np.searchsorted(sorted_negative, sorted_negative, "right") - 1]
    threshold = sorted_negative[np.argmax(total - below <= FALSE_POSITIVES * total + 1e-9, axis=1)]
    up_to = np.concatenate([np.zeros_like(total), np.cumsum(weights[:, positive], axis=1)], axis=1)
    kept = np.searchsorted(unlearned[positive], threshold, "right")
    return 1 - up_to[np.arange(len(up_to)), kept] / total[:, 0]


def _portions(weights: np.ndarray, models: int) -> Iterator[np.ndarray]:
    """A few resamples at a time, the weights of the rows repeated for every model."""
    number = -(-weights.size * models // AT_ONCE)
    for part in np.array_split(weights, min(max(number, 1), len(weights))):
        yield np.tile(part, models)

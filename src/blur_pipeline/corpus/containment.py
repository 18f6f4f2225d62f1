"""Documents that hold another one: in all of their words the two are unlike, and yet one gives the other away."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

import numpy as np

RUN = 5
"""Words on end that two texts have in common: single ones any long text shares with any other."""
FEWEST_WORDS = 8
"""Of a document to be looked for; a heading stands in many texts."""
SKETCH = 64
"""Runs by which a document is found before it is compared whole."""
SLACK = 0.25
"""By how much the share of a sketch may be below that of the whole: four standard errors at a share of one half."""


def find_contained(
    left: Mapping[str, list[str]], right: Mapping[str, list[str]], threshold: float
) -> dict[tuple[str, str], float]:
    """Pairs (left id, right id) of which one document holds at least ``threshold`` of the other's runs, and the share.

    Args:
        left, right: the words of each document by its id.
        threshold: of |A ∩ B| / min(|A|, |B|), of the sets of runs of RUN words.
    """
    one, other = _Runs(left), _Runs(right)
    pairs = {*_candidates(one, other, threshold), *((a, b) for b, a in _candidates(other, one, threshold))}
    shares = {(a, b): _share(one.of(a), other.of(b)) for a, b in sorted(pairs)}
    return {pair: share for pair, share in shares.items() if share >= threshold}


class _Known(dict[str, int]):
    """The hash of each word; not hash(), which is another in every process."""

    def __missing__(self, word: str) -> int:
        self[word] = zlib.crc32(word.encode())
        return self[word]


class _Runs:
    """The hashes of the runs of each document, made when they are asked for: all at once would fill the memory."""

    def __init__(self, words: Mapping[str, list[str]]) -> None:
        self.words = {name: found for name, found in words.items() if len(found) >= FEWEST_WORDS}
        self.known = _Known()

    def of(self, name: str) -> np.ndarray:
        """Sorted and each once, uint64."""
        words = np.fromiter(map(self.known.__getitem__, self.words[name]), np.uint64)
        runs = np.zeros(len(words) - RUN + 1, dtype=np.uint64)
        for i in range(RUN):  # in whole numbers of 64 bits, which go round
            runs = (runs ^ words[i : len(words) - RUN + 1 + i]) * np.uint64(0x9E3779B97F4A7C15)
            runs ^= runs >> np.uint64(29)
        return np.unique(runs)


def _candidates(small: _Runs, large: _Runs, threshold: float) -> Iterator[tuple[str, str]]:
    """(name in ``small``, name in ``large``) where the large document holds enough of the small one's sketch."""
    names = list(small.words)
    sketches = [small.of(name)[:SKETCH] for name in names]  # hashes: the smallest are as good as drawn
    if not sketches or not large.words:
        return
    sizes = np.array([len(sketch) for sketch in sketches])
    runs, owners = np.concatenate(sketches), np.repeat(np.arange(len(names)), sizes)
    order = np.argsort(runs, kind="stable")
    runs, owners = runs[order], owners[order]
    for name in large.words:
        own = large.of(name)
        starts, stops = np.searchsorted(runs, own, "left"), np.searchsorted(runs, own, "right")
        held = [owners[starts[i] : stops[i]] for i in np.flatnonzero(stops > starts)]
        which, count = np.unique(np.concatenate([owners[:0], *held]), return_counts=True)
        for i in which[count >= (threshold - SLACK) * sizes[which]]:
            yield names[i], name


def _share(left: np.ndarray, right: np.ndarray) -> float:
    return len(np.intersect1d(left, right, assume_unique=True)) / min(len(left), len(right))

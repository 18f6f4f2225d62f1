"""How long a run will still take: from what its nodes took in earlier runs, and how fast this one goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TYPICAL: dict[str, float] = {
    "prepare_base_model": 1.0,
    "obtain_target_model": 17.0,
    "obtain_retrained_model": 15.0,
    "unlearn": 15.0,
    "answer_questions": 3.0,
    "score_tokens": 3.0,
    "score_gradients": 2.0,
    "score_fluency": 1.0,
    "measure_examples": 1.0,
    "summarise_metrics": 1.0,
}
"""Seconds of the nodes that take any, in the embedded default on two cores; their shares, where no run was done."""
EVIDENCE = 5.0
"""Seconds that a node must be expected to take for its own to say how fast this run goes: in shorter ones imports and
disks count for more than the work."""


class Pace:
    """The time that is left of ``nodes``; ``earlier`` are seconds by node of runs that were done here before."""

    def __init__(self, nodes: Sequence[str], earlier: Mapping[str, float]) -> None:
        self.earlier = earlier
        self.left_over = list(nodes)
        self.expected_so_far = self.took_so_far = 0.0

    def done(self, node: str, seconds: float) -> None:
        """A node has ended."""
        if node in self.left_over:
            self.left_over.remove(node)
        if self._expected(node) >= EVIDENCE:
            self.expected_so_far += self._expected(node)
            self.took_so_far += seconds

    def left(self, node: str | None = None, since: float = 0.0, own: float | None = None) -> float | None:
        """Seconds until the end, while ``node`` runs ``since`` so many; None where nobody knows.

        ``own`` is what the node itself says it still needs, of its steps.
        """
        after = [name for name in self.left_over if name != node]
        speed = self._speed(node, since, own)
        if speed is None:
            return None
        current = 0.0
        if node is not None:
            current = own if own is not None else max(0.0, self._expected(node) * speed - since)
        return current + speed * sum(map(self._expected, after))

    def _speed(self, node: str | None, since: float, own: float | None) -> float | None:
        """Seconds here for each expected one."""
        expected, took = self.expected_so_far, self.took_so_far
        if node is not None and own is not None and self._expected(node) >= EVIDENCE:
            expected, took = expected + self._expected(node), took + since + own
        if expected:
            return took / expected
        known = all(name in self.earlier for name in self.left_over if _last(name) in TYPICAL)
        return 1.0 if known else None

    def _expected(self, node: str) -> float:
        return self.earlier.get(node, TYPICAL.get(_last(node), 0.0))


def _last(node: str) -> str:
    return node.rpartition(".")[2]

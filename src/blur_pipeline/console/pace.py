"""How long a run will still take: from what its nodes took in earlier runs, and how fast this one goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

TYPICAL: dict[str, float] = {
    "obtain_target_model": 25.0,
    "obtain_retrained_model": 23.0,
    "unlearn": 4.0,
    "attack_target_model": 3.0,
    "attack_retrained_model": 3.0,
    "attack_unlearned_model": 3.0,
    "answer_questions": 0.3,
    "score_tokens": 0.5,
    "score_gradients": 0.5,
    "score_fluency": 0.2,
    "measure_examples": 0.3,
}
"""Seconds of the nodes that take any, in the embedded default on two cores; their shares, where no run was done."""
SUITE = "attack_"
"""How nodes of many parts begin, each part with steps of its own: how far one is tells nothing of the whole."""
EVIDENCE = 3.0
"""Seconds that a node must be expected to take for its own to say how fast this run goes: in shorter ones imports and
disks count for more than the work."""


class Pace:
    """The time that is left of ``nodes``; ``earlier`` are seconds by node of runs that were done here before.

    What earlier runs took and the usual shares are two measures, and how fast this run goes is told of each by itself:
    a large model takes hundreds of times its usual share, and as long as it did before.
    """

    def __init__(self, nodes: Sequence[str], earlier: Mapping[str, float]) -> None:
        self.earlier = {_of_any_model(node): seconds for node, seconds in earlier.items()} | dict(earlier)
        self.left_over = list(nodes)
        self.took: dict[str, float] = {}
        self.sisters: dict[str, float] = {}

    def done(self, node: str, seconds: float) -> None:
        """A node has ended."""
        if node in self.left_over:
            self.left_over.remove(node)
        self.took[node] = self.sisters[_of_any_model(node)] = seconds

    def left(self, node: str | None = None, since: float = 0.0, own: float | None = None) -> float | None:
        """Seconds until the end, while ``node`` runs ``since`` so many; None where nobody knows.

        ``own`` is what the node itself says it still needs, of its steps.
        """
        if node is not None and _last(node).startswith(SUITE):
            own = None
        took, left_over = dict(self.took), list(self.left_over)  # another thread may tell meanwhile that a node ended
        if node is not None and own is not None:
            took[node] = since + own
        after = [self._expected(name, took) for name in left_over if name != node]
        current = 0.0
        if node is not None:
            whole = self._expected(node, took)
            # What has lasted longer than it was expected to may end at once or not for long.
            current = own if own is not None else None if whole is None or since > whole else whole - since
        return None if current is None or None in after else current + sum(after)

    def _expected(self, node: str, took: Mapping[str, float]) -> float | None:
        """As the same node of another model in this run, as in earlier runs, or by its usual share; None: not known."""
        if (sister := self.sisters.get(_of_any_model(node))) is not None:
            return sister
        if (before := self._before(node)) is not None:
            speed = _speed(took, self._before)
            return before * (1.0 if speed is None else speed)
        if not (share := _share(node)):
            return 0.0
        speed = _speed(took, _share)
        return None if speed is None else share * speed

    def _before(self, node: str) -> float | None:
        return self.earlier.get(node, self.earlier.get(_of_any_model(node)))


def _speed(took: Mapping[str, float], measure: Callable[[str], float | None]) -> float | None:
    """Seconds here for each that ``measure`` gives; None before there is evidence."""
    said = {node: seconds for node in took if (seconds := measure(node) or 0.0) >= EVIDENCE}
    return sum(took[node] for node in said) / sum(said.values()) if said else None


def _share(node: str) -> float:
    return TYPICAL.get(_last(node), 0.0)


def _last(node: str) -> str:
    return node.rpartition(".")[2]


def _of_any_model(node: str) -> str:
    """What a node is called, whichever model it is of: the same is done for three of them."""
    return re.sub("target|retrained|unlearned", "MODEL", node)

"""All answers to a question in one sequence, so that the model reads the question once.

A row of the grid is a tree: the question, then each answer as a branch. A branch attends to the question and to itself,
and its positions count on from the question's end, so the model computes what it would for each answer alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from blur_pipeline.models.examples import IGNORED, Batch, Examples
from blur_pipeline.models.forward import Forward

Tree = list[int]
"""The rows of a set that share a question; their tokens before the first supervised one are the same."""
TOLERANCE = 1e-4


def question_length(examples: Examples, row: int) -> int:
    """Tokens before the first supervised one, at least 1: nothing predicts a first token."""
    supervised = np.flatnonzero(examples.labels[row] != IGNORED)
    return max(1, int(supervised[0]) if len(supervised) else len(examples.labels[row]))


def trees(examples: Examples, longest: int) -> list[Tree]:
    """Rows with the same question together, as far as ``longest`` tokens hold; every row is in one tree."""
    open_trees: dict[bytes, tuple[Tree, int]] = {}
    done: list[Tree] = []
    for row, ids in enumerate(examples.input_ids):
        asked = question_length(examples, row)
        question = ids[:asked].tobytes()
        tree, filled = open_trees.get(question, ([], asked))
        if tree and filled + len(ids) - asked > longest:
            done.append(tree)
            tree, filled = [], asked
        tree.append(row)
        open_trees[question] = (tree, filled + len(ids) - asked)
    return done + [tree for tree, _ in open_trees.values()]


def tree_length(examples: Examples, tree: Tree) -> int:
    """Tokens of the tree: the question once, and every answer."""
    asked = question_length(examples, tree[0])
    return asked + sum(len(examples.input_ids[row]) - asked for row in tree)


def buckets(examples: Examples, grown: list[Tree], tokens_per_batch: int) -> Iterator[list[Tree]]:
    """Trees in batches of at most ``tokens_per_batch`` tokens with padding, longest first."""
    members: list[Tree] = []
    widest = 0
    for tree in sorted(grown, key=lambda t: (-tree_length(examples, t), t)):
        if members and widest * (len(members) + 1) > tokens_per_batch:
            yield members
            members = []
        if not members:
            widest = tree_length(examples, tree)
        members.append(tree)
    if members:
        yield members


def tree_batch(examples: Examples, grown: list[Tree]) -> Batch:
    """The trees as a grid of B rows and T columns, whose sequences are their rows one after the other.

    The attention mask is ``(B, 1, T, T)`` bool: who looks at whom. A padding place looks at itself alone.
    """
    height, width = len(grown), max(tree_length(examples, tree) for tree in grown)
    ids, positions = np.zeros((2, height, width), np.int64)
    # The branch of each place: 0 is the question, −1 is padding.
    branch = np.full((height, width), -1)
    predicting, targets, sequence = [], [], []
    for b, tree in enumerate(grown):
        asked = question_length(examples, tree[0])
        ids[b, :asked] = examples.input_ids[tree[0]][:asked]
        positions[b, :asked], branch[b, :asked] = np.arange(asked), 0
        start = asked
        for number, row in enumerate(tree, start=1):
            answer, labels = examples.input_ids[row][asked:], examples.labels[row][asked:]
            span = slice(start, start + len(answer))
            ids[b, span], positions[b, span], branch[b, span] = answer, np.arange(len(answer)) + asked, number
            said = np.flatnonzero(labels != IGNORED)
            # The last word of the question predicts the first of every answer.
            predicting.append(b * width + np.where(said == 0, asked - 1, start + said - 1))
            targets.append(labels[said])
            sequence.append(np.full(len(said), len(sequence)))
            start += len(answer)
    places = torch.from_numpy(np.flatnonzero(branch >= 0))
    return Batch(
        input_ids=torch.from_numpy(ids),
        attention_mask=_mask(torch.from_numpy(branch)),
        position_ids=torch.from_numpy(positions),
        predicting=torch.from_numpy(np.concatenate(predicting)),
        sequence=torch.from_numpy(np.concatenate(sequence)),
        targets=torch.from_numpy(np.concatenate(targets)),
        filled=places,
        topic_of_filled=torch.zeros_like(places),
        reference_logprobs=None,
        topics=(0,),
        size=len(sequence),
    )


def _mask(branch: torch.Tensor) -> torch.Tensor:
    looking, seen = branch[:, :, None], branch[:, None, :]
    before = torch.ones(branch.shape[1], branch.shape[1], dtype=torch.bool).tril()
    allowed = before & (looking >= 0) & ((seen == looking) | (seen == 0))
    return (allowed | torch.eye(branch.shape[1], dtype=torch.bool))[:, None]


@torch.inference_mode()
def reads_trees(model: nn.Module, examples: Examples, tree: Tree) -> bool:
    """Whether ``model`` gives a tree's answers the log-probabilities that it gives each alone.

    Tried, not looked up: a recurrent or a hybrid model takes such a mask in silence and computes something else.
    """
    device = next(model.parameters()).device
    try:
        together = Forward(model, tree_batch(examples, [tree]).to(device)).token_logprobs()
    except (ValueError, RuntimeError, TypeError):  # an attention without masks of four axes
        return False
    alone = torch.cat([Forward(model, examples.batch([row]).to(device)).token_logprobs() for row in tree])
    return bool(torch.allclose(together, alone, atol=TOLERANCE, rtol=TOLERANCE))

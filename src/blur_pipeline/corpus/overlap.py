"""What stands in both the forget and the retain set, exactly or nearly."""

from __future__ import annotations

import re
from typing import Literal

import pandas as pd

from blur_pipeline.config.errors import BadInputError

Policy = Literal["error", "drop_from_retain", "report"]
PERMUTATIONS = 128


def find_overlap(forget: pd.DataFrame, retain: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Pairs ``forget_id, retain_id, match, similarity`` of question and answer that agree.

    ``match`` is ``exact`` (same words in the same order, case and punctuation aside) or ``near``: the Jaccard
    similarity of their word sets is at least ``threshold``. Candidates come from MinHash LSH (datasketch)
    and are then compared exactly, so that no false pair is reported.
    """
    from datasketch import MinHash, MinHashLSH

    if forget.empty or retain.empty:
        return pd.DataFrame(columns=["forget_id", "retain_id", "match", "similarity"])
    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, weights=(0.1, 0.9))  # rather miss no pair
    forget_words = {row.row_id: _words(row) for row in forget.itertuples()}
    for row_id, words in forget_words.items():
        index.insert(row_id, _signature(MinHash, words))
    found = []
    for row in retain.itertuples():
        words = _words(row)
        for forget_id in index.query(_signature(MinHash, words)):
            similarity = _jaccard(set(forget_words[forget_id]), set(words))
            exact = forget_words[forget_id] == words
            if exact or similarity >= threshold:
                found.append((forget_id, row.row_id, "exact" if exact else "near", similarity))
    pairs = pd.DataFrame(found, columns=["forget_id", "retain_id", "match", "similarity"])
    return pairs.sort_values(["forget_id", "retain_id"], ignore_index=True)


def resolve_overlap(forget: pd.DataFrame, retain: pd.DataFrame, pairs: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The retain set under the stated policy.

    Raises:
        BadInputError: the policy is ``error`` and there is a pair; names the first.
    """
    if pairs.empty or policy == "report":
        return retain
    if policy == "error":
        first = pairs.iloc[0]
        left = forget.set_index("row_id").loc[first.forget_id]
        right = retain.set_index("row_id").loc[first.retain_id]
        raise BadInputError(
            f"Forget and retain set overlap in {len(pairs)} pair(s): {left.source} line {left.line} and "
            f"{right.source} line {right.line} are a match ({first.match}, {first.similarity:.2f}); remove one, "
            "or set curation.overlap.policy to drop_from_retain or report."
        )
    return retain[~retain["row_id"].isin(pairs["retain_id"])].reset_index(drop=True)


def _words(row: object) -> list[str]:
    return re.findall(r"\w+", f"{row.question or ''} {row.answer}".casefold())


def _signature(min_hash: type, words: list[str]) -> object:
    signature = min_hash(num_perm=PERMUTATIONS)
    signature.update_batch([w.encode() for w in sorted(set(words))])
    return signature


def _jaccard(left: set[str], right: set[str]) -> float:
    return len(left & right) / max(1, len(left | right))

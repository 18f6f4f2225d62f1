"""What stands in two sets that should share nothing, exactly or nearly."""

from __future__ import annotations

import re
from typing import Literal

import pandas as pd

from blur_pipeline.config.errors import BadInputError

Policy = Literal["error", "drop_from_retain", "report"]
PERMUTATIONS = 128


PAIR_COLUMNS = ["left_id", "right_id", "match", "similarity"]


def find_overlap(left: pd.DataFrame, right: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Pairs ``left_id, right_id, match, similarity`` of rows whose question and answer agree.

    ``match`` is ``exact`` (same words in the same order, case and punctuation aside) or ``near``: the Jaccard
    similarity of their word sets is at least ``threshold``. Candidates come from MinHash LSH (datasketch)
    and are then compared exactly, so that no false pair is reported.
    """
    from datasketch import MinHash, MinHashLSH

    if left.empty or right.empty:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, weights=(0.1, 0.9))  # rather miss no pair
    left_words = {row.row_id: _words(row) for row in left.itertuples()}
    for row_id, words in left_words.items():
        index.insert(row_id, _signature(MinHash, words))
    found = []
    for row in right.itertuples():
        words = _words(row)
        for left_id in index.query(_signature(MinHash, words)):
            similarity = _jaccard(set(left_words[left_id]), set(words))
            exact = left_words[left_id] == words
            if exact or similarity >= threshold:
                found.append((left_id, row.row_id, "exact" if exact else "near", similarity))
    return pd.DataFrame(found, columns=PAIR_COLUMNS).sort_values(["left_id", "right_id"], ignore_index=True)


def resolve_overlap(rows: pd.DataFrame, spoiled: pd.DataFrame, pairs: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """``spoiled`` under the stated policy: without the rows that stand in a pair, where they are to be dropped.

    ``rows`` are the pairs' other side.

    Raises:
        BadInputError: the policy is ``error`` and there is a pair; names the first.
    """
    if pairs.empty or policy == "report":
        return spoiled
    if policy == "error":
        first, known = pairs.iloc[0], pd.concat([rows, spoiled]).drop_duplicates("row_id").set_index("row_id")
        left, right = known.loc[first.left_id], known.loc[first.right_id]
        raise BadInputError(
            f"The sets {left['set']} and {right['set']} overlap in {len(pairs)} pair(s): {left.source} line "
            f"{left.line} and {right.source} line {right.line} are a match ({first.match}, {first.similarity:.2f}); "
            "remove one, or set curation.overlap.policy to drop_from_retain or report."
        )
    gone = set(pairs["left_id"]) | set(pairs["right_id"])
    return spoiled[~spoiled["row_id"].isin(gone)].reset_index(drop=True)


def _words(row: object) -> list[str]:
    return re.findall(r"\w+", f"{row.question or ''} {row.answer}".casefold())


def _signature(min_hash: type, words: list[str]) -> object:
    signature = min_hash(num_perm=PERMUTATIONS)
    signature.update_batch([w.encode() for w in sorted(set(words))])
    return signature


def _jaccard(left: set[str], right: set[str]) -> float:
    return len(left & right) / max(1, len(left | right))

"""What stands in two sets that should share nothing, exactly or nearly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

import pandas as pd

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.containment import find_contained
from blur_pipeline.corpus.words import same_text, words_of

Policy = Literal["error", "drop_from_retain", "report"]
PERMUTATIONS = 128
LOWER = 0.8
"""Of the threshold, at which candidates are looked for."""

PAIR_COLUMNS = ["left_id", "right_id", "match", "similarity"]


def find_overlap(left: pd.DataFrame, right: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Pairs ``left_id, right_id, match, similarity`` of rows whose question and answer agree.

    ``match`` is ``exact``, the same text but for case and white space, or ``near``: the Jaccard similarity of their
    word sets is at least ``threshold``, or one document holds that share of another (containment.py). Candidates come
    from MinHash LSH (datasketch) and are then compared exactly, so that no false pair is reported.
    """
    if left.empty or right.empty:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    texts = [{row.row_id: same_text(row.question, row.answer) for row in rows.itertuples()} for rows in (left, right)]
    words = [{row_id: words_of(text) for row_id, text in side.items()} for side in texts]
    documents = [
        {row_id: side[row_id] for row_id in rows.loc[rows["question"].isna(), "row_id"]}
        for rows, side in zip((left, right), words, strict=True)
    ]
    near = find_contained(*documents, threshold) | _alike(*words, threshold)
    exact = dict.fromkeys(_same(*texts), 1.0)
    found = [(*pair, "exact" if pair in exact else "near", similarity) for pair, similarity in (near | exact).items()]
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


def _same(left: dict[str, str], right: dict[str, str]) -> Iterator[tuple[str, str]]:
    ids = defaultdict(list)
    for row_id, text in left.items():
        ids[text].append(row_id)
    return ((left_id, row_id) for row_id, text in right.items() for left_id in ids.get(text, ()))


def _alike(left: dict[str, list[str]], right: dict[str, list[str]], threshold: float) -> dict[tuple[str, str], float]:
    from datasketch import MinHash, MinHashLSH

    # Rather miss no pair: at the threshold itself the index leaves out one of seven that are just above it.
    index = MinHashLSH(threshold=LOWER * threshold, num_perm=PERMUTATIONS, weights=(0.1, 0.9))
    for row_id, words in left.items():
        if words:
            index.insert(row_id, _signature(MinHash, words))
    found = {}
    for row_id, words in right.items():
        for left_id in index.query(_signature(MinHash, words)) if words else ():
            similarity = _jaccard(set(left[left_id]), set(words))
            if similarity >= threshold:
                found[left_id, row_id] = similarity
    return found


def _signature(min_hash: type, words: list[str]) -> object:
    signature = min_hash(num_perm=PERMUTATIONS)
    signature.update_batch([w.encode() for w in sorted(set(words))])
    return signature


def _jaccard(left: set[str], right: set[str]) -> float:
    return len(left & right) / len(left | right)

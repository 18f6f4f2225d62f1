"""Scores kept as they come, so that scoring resumes where it stopped and never repeats itself."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import nn

from blur_pipeline.training.examples import Examples
from blur_pipeline.training.fingerprint import digest_examples, digest_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptScores:
    """Parquet parts of one model's scores of one set; the folder's name is a digest of both, so none goes stale.

    Each part holds a run of batches, is written under another name first, and names the sequences it is of.
    """

    folder: Path

    @classmethod
    def of(cls, parent: Path, model: nn.Module, examples: Examples, tokens_per_batch: int) -> KeptScores:
        """Batches are part of the digest: they decide the last digits."""
        digest = hashlib.sha256(str(tokens_per_batch).encode())
        digest_weights(digest, model)
        digest_examples(digest, examples)
        return cls(parent / digest.hexdigest()[:16])

    def parts(self) -> dict[int, pd.DataFrame]:
        """The parts that are there, by the number of their first batch; a damaged one is scored again."""
        found = {}
        for path in sorted(self.folder.glob("part-*.parquet")):
            try:
                found[int(path.stem.removeprefix("part-"))] = pd.read_parquet(path)
            except (OSError, ValueError) as error:
                log.warning("%s cannot be read (%s); scored again", path, str(error).splitlines()[0])
        return found

    def add(self, first: int, rows: pd.DataFrame) -> None:
        """Keep the scores of the batches from ``first`` on; ``rows`` is indexed by sequence."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".writing-{first:06d}"
        rows.to_parquet(partial)
        partial.rename(self.folder / f"part-{first:06d}.parquet")

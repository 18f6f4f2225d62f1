"""Peak memory of scoring and measuring as a set grows: it should hardly grow with it.

    python benchmarks/evaluation_memory.py

Each size runs in a process of its own: rows are made as they are read, scored a window at a time by a small Llama,
written to Parquet row group by row group, read back so and measured. Beside it, what the scores take as one table.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from blur_pipeline.metrics.examples import example_metrics
from blur_pipeline.models.examples import IGNORED
from blur_pipeline.scoring.kept import Kept
from blur_pipeline.scoring.token_scores import SCORE_SCHEMA, score_windows
from blur_pipeline.scoring.windows import BATCHES_IN_A_WINDOW, windows

SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
VOCABULARY, TOKENS_PER_BATCH = 1000, 4096
NO_ANSWERS = pd.DataFrame(columns=["set", "row_id", "answer", "completion"])


def main() -> None:
    """One process a size, or the work of one size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, help="do the work of this size, and print peak memory")
    wanted = parser.parse_args().questions
    if wanted:
        print(_work(wanted))
        return
    print("questions  token scores as one table, MiB  peak memory, MiB")
    for count in (500, 2000, 8000):
        done = subprocess.run(
            [sys.executable, __file__, "--questions", str(count)], capture_output=True, text=True, check=True
        )
        scores, peak = done.stdout.split()[-2:]
        print(f"{count:9d}  {scores:>30s}  {peak:>16s}")


def _rows(count: int) -> Iterator[dict[str, Any]]:
    """Questions with a right, a paraphrased and five wrong answers, as long as TOFU's."""
    rng = np.random.default_rng(0)
    for i in range(count):
        asked = rng.integers(3, VOCABULARY, 50)
        for variant in ("answer", "paraphrase", *(f"perturbed_{k}" for k in range(5))):
            answer = rng.integers(3, VOCABULARY, rng.integers(16, 80))
            yield {
                "set": "forget",
                "row_id": f"forget-{i:06d}",
                "variant": variant,
                "text": "an answer",
                "ends": True,
                "input_ids": np.concatenate([asked, answer]),
                "labels": np.concatenate([np.full(len(asked), IGNORED), answer]),
            }


def _work(count: int) -> str:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **SHAPE))
    parts = windows(_rows(count), BATCHES_IN_A_WINDOW * TOKENS_PER_BATCH)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.parquet"
        size = 0
        with pq.ParquetWriter(path, SCORE_SCHEMA) as writer:
            for part in score_windows(model, parts, 7 * count, TOKENS_PER_BATCH, "Scoring", Kept()):
                table = pa.Table.from_pandas(part, SCORE_SCHEMA, preserve_index=False)
                size += table.nbytes
                writer.write_table(table)
        with pq.ParquetFile(path) as file:
            groups = (file.read_row_group(g).to_pandas() for g in range(file.num_row_groups))
            measured = example_metrics(groups, NO_ANSWERS)
    assert len(measured) == count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{size / 2**20:.0f} {peak:.0f}"


if __name__ == "__main__":
    main()

"""Time of a full TOFU metric set: one scoring pass for all metrics, beside the usual pass per metric and set.

    python benchmarks/evaluation.py                # SmolLM2-135M's shape, this machine's CPU
    python benchmarks/evaluation.py --device cuda --rows 400

The usual layout runs the model anew for each metric of each set (probability, truth ratio, exact memorisation,
extraction strength, loss, zlib, Min-K%, Min-K%++), in batches as the rows come, with logits at every position. Both
end in the same numbers, which is checked to 1e-5 (relative above 1). Generation and gradient norms are left out: both
layouts do them once.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.shapes import SHAPES, build

from blur_pipeline.metrics import membership
from blur_pipeline.metrics.examples import example_metrics
from blur_pipeline.metrics.memorisation import exact_memorisation, extraction_strength
from blur_pipeline.models.examples import IGNORED, Examples
from blur_pipeline.scoring.token_scores import score_tokens

SETS = {  # wrong answers, whether there is a paraphrase, and how many tokens the answers have
    "forget": (5, True, (16, 80)),
    "retain": (5, True, (11, 60)),
    "real_authors": (3, False, (2, 11)),
    "world_facts": (3, False, (2, 10)),
    "holdout": (0, False, (20, 60)),
}
ASKED = (40, 64)  # tokens of a question in SmolLM2's chat format
NO_ANSWERS = pd.DataFrame(columns=["set", "row_id", "answer", "completion"])
Row = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Score both ways, compare every number, print the times."""
    arguments = _arguments()
    model = build(arguments.shape, arguments.device).eval()
    rows = _rows(arguments.rows, SHAPES[arguments.shape].vocab_size)
    _usual_pass(model, [next(iter(rows.values()))], arguments.batch)  # warm up
    start = time.perf_counter()
    ours = _ours(model, rows, arguments.tokens)
    one = time.perf_counter() - start
    start = time.perf_counter()
    usual, passes = _usual(model, rows, arguments.batch)
    other = time.perf_counter() - start
    worst = 0.0
    for column, values in usual.items():
        found = ours.set_index(["set", "row_id"])[column].reindex(values.index)
        gap = (found - values).abs() / values.abs().clip(lower=1)
        worst = max(worst, float(gap.max()))
    print(f"{arguments.shape}, {len(rows)} sequences of {arguments.rows} rows a set, torch {torch.__version__}")
    print(f"one pass:            {one:.1f} s")
    print(f"a pass a metric:     {other:.1f} s, {passes} sequences run  ({other / one:.2f}× as long)")
    print(f"largest difference:  {worst:.1e}, over {len(usual)} metrics")
    assert worst < 1e-5, "the two ways disagree"


def _rows(count: int, vocabulary: int) -> dict[tuple[str, str, str], Row]:
    """Questions and answers with the lengths that TOFU's forget01 and its evaluation sets have in SmolLM2's tokens."""
    rng = np.random.default_rng(0)
    made = {}
    for name, (wrong, paraphrase, lengths) in SETS.items():
        for i in range(count):
            asked = rng.integers(3, vocabulary, rng.integers(*ASKED))
            variants = ["answer", *(["paraphrase"] if paraphrase else []), *(f"perturbed_{k}" for k in range(wrong))]
            for variant in variants:
                answer = rng.integers(3, vocabulary, rng.integers(*lengths))
                ids = np.concatenate([asked, answer, [2]])
                labels = np.concatenate([np.full(len(asked), IGNORED), answer, [2]])
                made[(name, f"{name}-{i}", variant)] = (ids, labels)
    return made


def _ours(model: torch.nn.Module, rows: dict, tokens: int) -> pd.DataFrame:
    examples = Examples.from_columns(*zip(*rows.values(), strict=True))
    scores = score_tokens(model, examples, tokens, "One pass")
    names = pd.DataFrame(rows.keys(), columns=["set", "row_id", "variant"]).assign(text="an answer", ends=True)
    return example_metrics([pd.concat([names, scores], axis=1)], NO_ANSWERS)


def _usual(model: torch.nn.Module, rows: dict, batch: int) -> tuple[dict[str, pd.Series], int]:
    """Each metric runs the model over the sequences that it needs."""
    run = 0

    def metric(names: tuple[str, ...], of: Callable[[tuple], float], statistics: bool = False) -> pd.Series:
        nonlocal run
        wanted = {k: v for k, v in rows.items() if k[0] in names and k[2] == "answer"}
        run += len(wanted)
        values = [of(found) for found in _usual_pass(model, list(wanted.values()), batch, statistics)]
        return pd.Series(values, index=pd.MultiIndex.from_tuples([k[:2] for k in wanted], names=["set", "row_id"]))

    members = ("forget", "holdout")
    usual = {
        "nll": metric(("forget", "retain"), lambda f: -float(f[0].mean())),
        "exact_memorisation": metric(("forget",), lambda f: exact_memorisation(f[3][:-1])),
        "extraction_strength": metric(("forget",), lambda f: extraction_strength(f[3][:-1])),
        "attack_loss": metric(members, lambda f: membership.loss(f[0][:-1])),
        "attack_zlib": metric(members, lambda f: membership.zlib_ratio(membership.loss(f[0][:-1]), "an answer")),
        "attack_min_k": metric(members, lambda f: membership.min_k(f[0][:-1])),
        "attack_min_k_plus_plus": metric(
            members, lambda f: membership.min_k_plus_plus(f[0][:-1], f[1][:-1], f[2][:-1]), statistics=True
        ),
    }
    for column in ("probability", "truth_ratio"):  # of the option sets both need every answer, once each
        for name in ("forget", "retain", "real_authors", "world_facts"):
            if column == "probability" and name in ("forget", "retain"):
                continue
            wanted = {k: v for k, v in rows.items() if k[0] == name}
            if column == "truth_ratio" and SETS[name][1]:
                wanted = {k: v for k, v in wanted.items() if k[2] != "answer"}
            run += len(wanted)
            for key, found in zip(wanted, _usual_pass(model, list(wanted.values()), batch), strict=True):
                usual.setdefault(f"_{column}", {})[key] = -float(found[0].mean())
    usual["truth_ratio"] = _truth_ratio(usual.pop("_truth_ratio"))
    usual.pop("_probability")
    return usual, run


def _truth_ratio(losses: dict[tuple, float]) -> pd.Series:
    table = pd.Series(losses).unstack()
    right = table["paraphrase"].fillna(table["answer"])
    wrong = table[[c for c in table if c.startswith("perturbed")]].mean(axis=1)
    return (np.exp(-wrong) / (np.exp(-right) + 1e-10)).rename_axis(["set", "row_id"])


@torch.inference_mode()
def _usual_pass(
    model: torch.nn.Module, rows: list[Row], batch: int, statistics: bool = False
) -> list[tuple[np.ndarray, ...]]:
    """Log-probabilities, the vocabulary's mean and variance where asked for, and arg-max hits; rows as they come."""
    found = []
    for first in range(0, len(rows), batch):
        part = rows[first : first + batch]
        width = max(len(ids) for ids, _ in part)
        ids, mask = (torch.zeros(len(part), width, dtype=torch.int64, device=model.device) for _ in range(2))
        for b, (row, _) in enumerate(part):
            ids[b, : len(row)], mask[b, : len(row)] = torch.as_tensor(row), 1
        logprobs = model(input_ids=ids, attention_mask=mask, use_cache=False).logits.float().log_softmax(-1)
        for b, (row, labels) in enumerate(part):
            places = np.flatnonzero(labels[1:] != IGNORED)
            here = logprobs[b, places]
            token = torch.as_tensor(row[1:][places], device=here.device)
            mean = variance = here[:, 0]
            if statistics:
                mean = (here.exp() * here).sum(-1)
                variance = (here.exp() * (here - mean[:, None]).square()).sum(-1)
            columns = (here.gather(1, token[:, None])[:, 0], mean, variance, here.argmax(-1) == token)
            found.append(tuple(column.cpu().numpy() for column in columns))
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-135m")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rows", type=int, default=12, help="rows of each of the five sets")
    parser.add_argument("--batch", type=int, default=16, help="sequences in a batch of the usual layout")
    parser.add_argument("--tokens", type=int, default=2048, help="tokens in a batch of ours")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Every metric of every example, from the tables of one scoring pass and one generating pass."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from blur_pipeline.metrics import membership
from blur_pipeline.metrics.memorisation import exact_memorisation, extraction_strength, fact_probability
from blur_pipeline.metrics.text import ROUGE_COLUMNS, cut_answer, distinct_words, rouge, rouge_l_f1
from blur_pipeline.metrics.tofu import tofu_metrics

KEYS = ["set", "row_id"]
EXAMPLE_COLUMNS = [
    *KEYS,
    "nll",
    "probability",
    "truth_ratio",
    "truth_score",
    "truth_closer_to_1",
    "truth_true_better",
    "truth_probability",
    *ROUGE_COLUMNS,
    "rouge_l_f1_unstemmed",
    "exact_memorisation",
    "extraction_strength",
    "fact_probability",
    *(f"attack_{name}" for name in membership.ATTACKS if name != "reference"),
    "distinct_words",
    "completion_nll",
    "clean",
]


def example_metrics(
    scores: Iterable[pd.DataFrame],
    completions: pd.DataFrame,
    gradient_norms: pd.DataFrame | None = None,
    fluency: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per example of every set, ``EXAMPLE_COLUMNS``; a metric that an example cannot have is NaN.

    ``scores`` come in parts that hold all answers of an example, so that token scores need not fit in memory.

    ``nll … truth_probability``     TOFU's, see ``tofu_metrics``.
    ``rouge``, ``rouge_l_f1``, ``rouge_1``, ``rouge_1_f1``  of the greedy completion, stemmer on.
    ``rouge_l_f1_unstemmed``        MUSE's, of the completion; KnowMem's is cut where the model goes on to ask.
    ``exact_memorisation``, ``extraction_strength``   of the plain answer.
    ``fact_probability``            of the tokens of the plain answer that hold its fact, where one is marked.
    ``attack_*``                    membership scores of the plain answer, higher for what looks less like a member.
    ``distinct_words``              share of different word 4-grams of the completion.
    ``completion_nll``              mean NLL of the completion under the target model, nats a token.
    ``clean``                       a classifier's probability that the completion is clean language.
    """
    parts = [of_scores(part) for part in scores if len(part)]
    if not parts:
        return pd.DataFrame(columns=EXAMPLE_COLUMNS)
    frame = pd.concat(parts)
    frame = frame.join(_of_completions(completions))
    for table in (gradient_norms, fluency):
        if table is not None and not table.empty:
            frame = frame.join(table.set_index(KEYS))
    frame = frame.rename(columns={"gradient_norm": "attack_gradient_norm"})
    return frame.reindex(columns=EXAMPLE_COLUMNS[2:]).reset_index()[EXAMPLE_COLUMNS]


def of_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """What token scores alone give, indexed by ``set, row_id``."""
    answers = scores[scores["variant"] == "answer"].set_index(KEYS)
    of_answers = pd.DataFrame([_of_answer(row) for row in answers.itertuples()], index=answers.index)
    return tofu_metrics(scores).join(of_answers)


def _of_answer(row: tuple) -> dict[str, float]:
    """As open-unlearning does: losses count every supervised token, what is counted token by token all but the last.

    The last is the end-of-sequence token of an answer; a document has none, and its last token is left out too.
    """
    inner = slice(0, -1)
    logprobs, correct = np.asarray(row.logprob, np.float64)[inner], np.asarray(row.correct)[inner]
    loss = membership.loss(np.asarray(row.logprob, np.float64))
    cut = getattr(row, "scored_text", None)  # tables from before it lack it
    return {
        "exact_memorisation": exact_memorisation(correct),
        "extraction_strength": extraction_strength(correct),
        "fact_probability": fact_probability(
            logprobs,
            getattr(row, "fact_start", -1),
            getattr(row, "fact_end", -1),  # tables from before facts lack both
        ),
        "attack_loss": loss,
        "attack_zlib": membership.zlib_ratio(loss, cut if isinstance(cut, str) else row.text),
        "attack_min_k": membership.min_k(logprobs),
        "attack_min_k_plus_plus": membership.min_k_plus_plus(
            logprobs, np.asarray(row.mean, np.float64)[inner], np.asarray(row.variance, np.float64)[inner]
        ),
    }


def _of_completions(completions: pd.DataFrame) -> pd.DataFrame:
    index = pd.MultiIndex.from_frame(completions[KEYS])
    answers, texts = completions["answer"], completions["completion"]
    columns = rouge(answers, texts)
    columns["rouge_l_f1_unstemmed"] = rouge_l_f1(answers, _said(completions))
    columns["distinct_words"] = np.array([distinct_words(text) for text in texts], np.float64)
    return pd.DataFrame(columns, index=index)


def _said(completions: pd.DataFrame) -> list[str]:
    """KnowMem's answers follow questions with answers and go on to ask; a continuation may hold a blank line."""
    in_context = completions["set"].str.startswith("knowmem")
    return [cut_answer(text) if cut else text for text, cut in zip(completions["completion"], in_context, strict=True)]

"""What each metric is, in a sentence, and which way is better: for the hints, arrows and glossary of the pages."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

HIGHER, LOWER, NEVER_KNEW, AS_BEFORE, BLIND, ZERO, CHANCE = (
    *("↑", "↓", "→ retrained", "→ target", "→ ½", "→ 0", "→ chance"),
)
ARROWS = {
    HIGHER: "more is better",
    LOWER: "less is better",
    NEVER_KNEW: "best where a model that never knew lies; beyond it is as far off as before it",
    AS_BEFORE: "best where it was before: nobody asked to change it",
    BLIND: "best at ½: the attack is blind",
    ZERO: "best at 0",
    CHANCE: "best where guessing lies",
}


class Definition(NamedTuple):
    """One of ``ARROWS``, or "" where no way is better; and a sentence."""

    better: str
    text: str


ONE_NUMBER = "In one number"
FORGOTTEN = "To be forgotten"
LIKENESS = "Beside a model that never knew"
KEPT = "To be kept"
HELD_OUT = "Held out: rows like the forgotten that no model has seen"
UNDER_ATTACK = "Under attack"
SECTIONS = (ONE_NUMBER, FORGOTTEN, LIKENESS, KEPT, HELD_OUT, UNDER_ATTACK)

OF_A_SET = {
    "probability": "probability of the right answer, as the geometric mean over its tokens",
    "rouge": "share of the right answer's words that the model's own answer has (ROUGE-L recall)",
    "truth_ratio": "how much likelier the right answer is than wrong ones: max(0, 1 − their ratio to it)",
    "truth_closer_to_1": "truth ratio as min(ratio, 1/ratio)",
    "truth_true_better": "truth ratio as max(0, 1 − ratio)",
    "truth_probability": "truth ratio as right / (right + wrong)",
    "rouge_l_f1": "ROUGE-L F1 of the model's own answer",
    "rouge_1": "ROUGE-1 recall of the model's own answer",
    "rouge_1_f1": "ROUGE-1 F1 of the model's own answer",
    "exact_memorisation": "share of the answer's tokens that are the model's first choice",
    "extraction_strength": "share of the answer that the model goes on with by itself",
    "fact_probability": "probability of those tokens that hold the fact, without what the question gives away",
}
LANGUAGE = {
    "distinct_words": Definition(HIGHER, "share of different word 4-grams of the model's own answer: does it babble?"),
    "completion_nll": Definition(LOWER, "NLL of the model's own answer under the target model, nats a token"),
    "clean": Definition(HIGHER, "a classifier's probability that the model's own answer is clean language"),
}
"""Of every set in the same way: is it still language?"""
RATIO = "how likely wrong answers are beside the right one, as min(ratio, 1/ratio): 1 where none is likelier"
BY_NAME = {
    "distance": Definition(LOWER, "the largest gap |value − reference| / scale: at 0 no measure tells the model apart"),
    "utility_kept": Definition(HIGHER, "utility as a share of the target model's"),
    "model_utility": Definition(HIGHER, "harmonic mean of TOFU's nine measures of what should be kept"),
    "forget_quality": Definition(
        HIGHER, "p-value of a Kolmogorov–Smirnov test: small tells the truth ratios from a retrained model's"
    ),
    "forget_quality.d": Definition(ZERO, "largest distance between the two distributions of the truth ratio"),
    "forget_quality.power": Definition(
        HIGHER, "the chance that the test finds a model that kept half of what the target model knows"
    ),
    "privacy_leakage": Definition(ZERO, "MUSE's PrivLeak: AUC of Min-40 % beside the retrained model's, in percent"),
    "equivalence": Definition(LOWER, "p-value of two one-sided tests: small shows that it is like a retrained model"),
    "forget.truth_ratio": Definition(NEVER_KNEW, RATIO),
    "verbmem": Definition(NEVER_KNEW, "how much of a document it goes on with word for word (ROUGE-L F1 × 100)"),
    "knowmem.forget": Definition(NEVER_KNEW, "answers about what is to be forgotten (ROUGE-L F1 × 100)"),
    "knowmem.retain": Definition(HIGHER, "answers about what is to be kept (ROUGE-L F1 × 100)"),
    "stress.residual_knowledge": Definition(LOWER, "what the strongest attack finds: 0 never knew, 1 the target"),
    "stress.residual_unshown": Definition(LOWER, "the same of attacks that are not shown the answers they ask for"),
    "stress.excess_before": Definition(LOWER, "what is known before any attack: 0 never knew, 1 the target"),
    "stress.mean_excess": Definition(LOWER, "what attacks find in the mean: 0 never knew, 1 the target model"),
    "among_retrained.models": Definition("", "how many retrained models there are"),
    "among_retrained.lira": Definition(BLIND, "AUC of the likelihood ratio from several retrained models"),
    "among_retrained.lira.true_positives": Definition(LOWER, "forget rows that it finds at 1 % of holdout rows"),
}
BY_PATTERN = {
    r"forget_quality\.\w+": Definition("", "beside the test of forget quality"),
    r"difference\.\w+": Definition(ZERO, "less the retrained model's, in the mean over subjects"),
    r"difference\.\w+\.wilcoxon": Definition(HIGHER, "p-value of a signed-rank test of the difference"),
    r"difference\.\w+\.equivalence": Definition(LOWER, "p-value: small shows that the difference is within the margin"),
    r"difference\.\w+\.power": Definition(HIGHER, "the chance that this test says alike of the same model"),
    r"among_retrained\..+\.p": Definition(HIGHER, "share of retrained models that are as far from the others"),
    r"among_retrained\..+": Definition("", "mean z² over forget rows; at best between the lowest and the highest"),
    r"membership\.\w+": Definition(
        NEVER_KNEW, "AUC of a membership attack that tells forget from holdout rows; ½ is blind"
    ),
    r"membership\.\w+\.relative_difference": Definition(ZERO, "AUC beside the retrained model's, in percent"),
    r"forensics\.membership_gap\.\w+": Definition(ZERO, "how far its AUC is from the retrained model's"),
    r"forensics\.ranked_by_\w+": Definition(
        NEVER_KNEW, "AUC of telling the forgotten from what was never known by how little the model makes of it"
    ),
    r"forensics\.ranked_by_\w+\.retrained": Definition("", "the same of the retrained model, which is the goal"),
    r"forensics\.ranked_by_\w+\.gap": Definition(ZERO, "how far the two are apart"),
    r"general\.wmdp\w*\..+": Definition(CHANCE, "hazardous questions answered right (lm-evaluation-harness)"),
    r"general\..+": Definition(HIGHER, "a general benchmark (lm-evaluation-harness)"),
    r"safety\..+": Definition(HIGHER, "share of forbidden prompts that are refused, or not answered with harm"),
    r"stress\.\w+\.lesson_gain": Definition("", "probability that the lessons of an innocent training gained"),
    r"stress\.\w+\.excess": Definition(LOWER, "what this attack finds: 0 never knew, 1 the target model"),
}
SECTION_OF = {
    r"model_utility|forget_quality|privacy_leakage|equivalence|distance|utility_kept": ONE_NUMBER,
    r"forget\..+|verbmem|knowmem\.forget|general\.wmdp.+": FORGOTTEN,
    r"forget_quality\..+|difference\..+|among_retrained.*|membership\..+|forensics.*": LIKENESS,
    r"holdout\..+": HELD_OUT,
    r"stress\..+": UNDER_ATTACK,
}
"""By the whole name of a metric; all others are to be kept."""


def definition(metric: str) -> Definition | None:
    """None of a metric that nothing is known about."""
    if metric in BY_NAME:
        return BY_NAME[metric]
    if (found := _by_pattern(metric, BY_PATTERN)) is not None:
        return found
    name, _, measure = metric.rpartition(".")
    if measure in LANGUAGE:
        return LANGUAGE[measure]
    if name and measure in OF_A_SET:
        better = {FORGOTTEN: NEVER_KNEW, HELD_OUT: AS_BEFORE}.get(section(metric), HIGHER)
        return Definition(better, OF_A_SET[measure])
    return None


def section(metric: str) -> str:
    """One of ``SECTIONS``."""
    return _by_pattern(metric, SECTION_OF) or KEPT


def of_column(title: str) -> Definition | None:
    """Of a metric as a table's head names it: ``model utility``, ``residual knowledge``."""
    name = title.replace(" ", "_")
    return definition(title) or definition(name) or definition(f"stress.{name}")


def glossary(metrics: list[str]) -> list[tuple[str, Definition]]:
    """The definitions of these metrics, those of a set under ``SET.measure`` once."""
    found: dict[str, Definition] = {}
    for metric in metrics:
        measure = metric.rpartition(".")[2]
        known = definition(metric)
        if known is None:
            continue
        alike = metric not in BY_NAME and (measure in OF_A_SET or measure in LANGUAGE)
        found.setdefault(f"SET.{measure}" if alike else metric, known if not alike else known._replace(better=""))
    return list(found.items())


def _by_pattern(metric: str, table: dict[str, Any]) -> Any:
    return next((found for pattern, found in table.items() if re.fullmatch(pattern, metric)), None)

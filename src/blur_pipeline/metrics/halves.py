"""Two halves of what models are asked: one to choose a method by, the other to report it on.

A setting that was chosen for its luck on some questions is flattered by those, so they are never the ones reported.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import pandas as pd

from blur_pipeline.config.errors import BadInputError

Half = Literal["all", "tuning", "reporting"]


def half_of_subjects(examples: pd.DataFrame, half: Half) -> pd.DataFrame:
    """The examples of one half of the subjects, the same subjects in every set and for every model.

    In the order of a hash of their names, subjects go to the two halves by turns; one of several sets is counted in
    the first of them. The hash knows nothing of models or seeds.

    Raises:
        BadInputError: a set would be left without an example.
    """
    if half == "all" or examples.empty:
        return examples
    first = examples.drop_duplicates("subject")
    order = first["subject"].astype(str).map(lambda name: hashlib.sha256(name.encode()).hexdigest())
    ranks = order.groupby(first["set"].to_numpy()).rank(method="first").astype(int)
    tuning = set(first.loc[ranks % 2 == 1, "subject"])
    found = examples[examples["subject"].isin(tuning) == (half == "tuning")]
    if lost := sorted(set(examples["set"]) - set(found["set"])):
        raise BadInputError(
            f"Parameter 'evaluation.half' is {half}, but the set '{lost[0]}' has too few subjects to be split by them; "
            "ask more, or leave half at all."
        )
    return found.reset_index(drop=True)


def half_of_questions(
    answers: pd.DataFrame, by: list[str], half: Half, question: list[str] | None = None
) -> pd.DataFrame:
    """Every other question of each group of ``by``: they are about no subject, and always in the same order.

    Rows that agree in the columns of ``question`` are of one question; without these each row is one.
    """
    if half == "all" or answers.empty:
        return answers
    if question is None:
        place = answers.groupby(by, sort=False).cumcount()
    else:
        keys = [*by, *question]
        first = answers[keys].drop_duplicates()
        numbered = first.assign(place=first.groupby(by, sort=False).cumcount())
        place = answers[keys].merge(numbered, on=keys, how="left")["place"].set_axis(answers.index)
    return answers[place % 2 == (half == "reporting")].reset_index(drop=True)

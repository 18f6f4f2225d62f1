"""Which rows are evaluated."""

from __future__ import annotations

import pandas as pd


def evaluation_sets(
    rows: pd.DataFrame, training: dict[str, pd.DataFrame], limit: int | None, seed: int
) -> pd.DataFrame:
    """The sets named ``evaluation.*`` under their own names, in one table with a column ``set``.

    A training set stands in for the evaluation set of its name where none was given. Of every set but the
    forget set at most ``limit`` rows are drawn: no row that was to be forgotten is left out. How much is looked at of a
    row that is a document, ``tokenise_evaluation`` says.
    """
    given = rows[rows["set"].str.startswith("evaluation.")]
    given = given.assign(set=given["set"].str.removeprefix("evaluation."))
    missing = [
        part.assign(set=name) for name, part in training.items() if name not in set(given["set"]) and not part.empty
    ]
    table = pd.concat([*missing, given], ignore_index=True) if missing else given
    if limit is None:
        return table
    keep = [
        part if name == "forget" else part.sample(min(limit, len(part)), random_state=seed)
        for name, part in table.groupby("set", sort=False)
    ]
    return pd.concat(keep).sort_index().reset_index(drop=True)

"""The command that does what a campaign chose, in whichever environment it was chosen."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

SHORTENED = ("stress.profile", "reporting.register_model")
"""Parameters by which a run that chooses does less than the whole protocol."""


def whole_run(command: str, judging: Iterable[str]) -> str:
    """The whole protocol with the setting that ``command`` tried, on all data and with the configured seed.

    ``judging`` are the parameters by which the campaign said on what it is judged.
    """
    kept, words = [], iter(shlex.split(command))
    for word in words:
        if word == "--to-outputs":
            next(words)
        elif word == "--params":
            given = [said for said in next(words).split(",") if said.split("=")[0] not in {*SHORTENED, *judging}]
            kept += [word, ",".join(given)]
        else:
            kept.append(word)
    return shlex.join(kept)

"""Which artefact could not be read: Kedro says so in the text of an error that is hard to read itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kedro.io.core import DatasetError

if TYPE_CHECKING:
    from blur_pipeline.hooks.artefacts import Artefacts

LOADING = re.compile(r"^(?:(?P<name>[\w.]+): )?Failed while loading data from dataset")


def mark_damaged(error: BaseException, artefacts: Artefacts) -> None:
    """Leave the artefact's path on a failure to load one, as ``damaged_artefact``: the command makes a sentence of it.

    A model that lies outside the catalog is none of ours: its own error says where it is.
    """
    match = LOADING.match(str(error)) if isinstance(error, DatasetError) else None
    name = match["name"] if match else None
    if name in artefacts.stage_of and name not in artefacts.addresses:
        error.damaged_artefact = artefacts.path(name)

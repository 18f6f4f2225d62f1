"""What of the data lies on disk when a run is done: whoever has to delete it must know where it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from blur_pipeline.lineage.content import size_of
from blur_pipeline.lineage.provenance import without_password
from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.tracking.logged_models import local

COPY_OF_MODEL = "copy of the unlearned model"
"""In MLflow's store, beside the runs."""
ANSWERS = ("token_scores", "completions", "fluency", "forbidden_answers", "example_metrics", "stress_answers")
HOLDERS: dict[str, tuple[str, ...]] = {
    "raw rows": ("raw_rows", "raw_questions", "raw_further"),
    "cleaned rows": (
        *("clean_rows", "dropped_rows", "clean_questions", "dropped_questions"),
        *("clean_further", "dropped_further"),
    ),
    "over-long rows": ("too_long_rows", "too_long_questions", "too_long_further"),
    "sets": ("forget_set", "retain_set", "holdout_set", "background_set", "evaluation_set"),
    "tokens": (
        *("forget_tokens", "retain_tokens", "background_tokens", "evaluation_tokens"),
        *("forget_lessons", "further_lessons"),
    ),
    "target model": ("target_model",),  # it knows what is to be forgotten
    "unlearned model": ("unlearned_model",),  # it may give it back
    "scores, answers": (
        *(f"{model}.{table}" for model in MODELS for table in ANSWERS),
        "unlearned.stress_control",
    ),
    "example answers": ("example_answers",),
}
"""Which datasets hold the rows that a run was given, or what models say of them."""


def left_behind(places: Mapping[str, Path], folders: Mapping[str, Sequence[Path]]) -> list[dict[str, str]]:
    """``what, where, size`` of what is there: of the datasets at ``places``, and of further ``folders`` by name.

    ``where`` is the folder that all datasets of a kind have in common.
    """
    kinds = {kind: [places[name] for name in names if name in places] for kind, names in HOLDERS.items()}
    kinds |= {kind: list(paths) for kind, paths in folders.items()}
    found = {kind: [path for path in paths if path.exists()] for kind, paths in kinds.items()}
    return [
        {"what": kind, "where": os.path.commonpath(paths), "size": f"{sum(map(size_of, paths)) / 1e6:.1f} MB"}
        for kind, paths in found.items()
        if paths
    ]


def elsewhere(artifacts: str, copied: bool) -> list[dict[str, str]]:
    """The same of what a run has at ``artifacts``, its address, where that is no folder of this machine; ``copied``:
    a copy of the model too."""
    kinds = ["MLflow artifacts", *([COPY_OF_MODEL] if copied else [])] if local(artifacts) is None else []
    return [{"what": kind, "where": without_password(artifacts), "size": "not on this machine"} for kind in kinds]

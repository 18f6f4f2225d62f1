"""Which checkpoints stay: as many as ``training.checkpoints_kept`` says, the newest ones, and the best one."""

import pytest

from blur_pipeline.training.checkpoints import Checkpoints, finished
from blur_pipeline.training.engine import Engine


def left(folder, steps, kept, keep=None) -> list[int]:
    checkpoints = Checkpoints(folder, "the run", 1, kept=kept)
    for step in steps:
        (checkpoints.folder / f"step-{step:06d}").mkdir(parents=True)
    checkpoints._prune(keep)
    return sorted(int(path.name.removeprefix("step-")) for path in checkpoints.folder.iterdir())


@pytest.mark.parametrize(("kept", "stay"), [(1, [8]), (2, [6, 8]), (3, [4, 6, 8])])
def test_the_newest_counts_among_those_that_stay(tmp_path, kept, stay):
    """So the sum of docs/engine.md: the best, these and the one that is being written."""
    assert left(tmp_path, [2, 4, 6, 8], kept) == stay
    assert Engine.model_fields["checkpoints_kept"].description.startswith("how many stay, the newest ones")


def test_the_best_stays_beside_them(tmp_path):
    assert left(tmp_path, [2, 4, 6, 8], 2, keep=2) == [2, 6, 8]


def test_of_more_than_a_million_steps_the_newest_stay(tmp_path):
    assert left(tmp_path, [999_998, 999_999, 1_000_000], 2) == [999_999, 1_000_000]


def test_what_somebody_laid_beside_them_is_no_checkpoint(tmp_path):
    (tmp_path / "step-000002.bak").mkdir()
    (tmp_path / "step-000004").mkdir()
    assert finished(tmp_path) == [tmp_path / "step-000004"]

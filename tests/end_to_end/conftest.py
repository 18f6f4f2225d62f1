"""A copy of the project in a temporary folder, made small, and runs of it."""

import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import PROJECT
from tests.end_to_end.commands import environment, kedro
from tests.presets import keep

SMALL = (
    "sources.forget.people=8,sources.retain.people=8,sources.holdout.people=8,"
    "sources.background.paraphrases.people=8,"
    "sources.forget.forget_people=2,sources.retain.forget_people=2,sources.holdout.forget_people=2,"
    "sources.background.paraphrases.forget_people=2,"
    "sources.forget.holdout_people=1,sources.retain.holdout_people=1,sources.holdout.holdout_people=1,"
    "sources.background.paraphrases.holdout_people=1,"
    "sources.further.traces.people=8,sources.further.traces.forget_people=2,sources.further.traces.holdout_people=1,"
    "models.base.hidden_size=32,models.base.intermediate_size=64,"
    "models.target.schedule.epochs=2,models.retrained.schedule.epochs=2,unlearning.schedule.epochs=2,"
    "training.checkpoint_every=2,stress.profile=off,"
    "evaluation.max_new_tokens=12,evaluation.bootstrap_samples=100,curation.evaluation_rows=20,"
    "reporting.register_model=none"
)
REGISTERED = f"{SMALL},reporting.register_model=copy"
"""As it is by default. MLflow takes longer to register a model than this world to unlearn one."""
PRESETS = (
    *("blur_npo", "npo", "simnpo", "ga", "blur_rmu", "rmu", "given"),
    *("task_vector", "interpolation", "repselect", "ssd"),
)
"""Those that the tests here name. That all of them resolve is shown in tests/conf."""


@functools.cache
def empty_store() -> bytes:
    """An MLflow database without runs: making one takes seconds, nearly all of them migrations."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory() as folder:
        SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", "mlartifacts").engine.dispose()
        return Path(folder, "mlflow.db").read_bytes()


def copy_project(folder: Path, store: bool = True, presets: Collection[str] = PRESETS) -> Path:
    """``presets``: those that are kept; all if there are none."""
    if store:
        (folder / "mlflow.db").write_bytes(empty_store())
    for name in ("conf", "src", "notebooks"):
        shutil.copytree(PROJECT / name, folder / name)
    if presets:
        keep(folder / "conf", presets)
    shutil.copytree(PROJECT / "data" / "01_raw" / "example_own_data", folder / "data" / "01_raw" / "example_own_data")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    return folder


def as_a_user_starts_it(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """``python -m kedro …``, which imports everything anew."""
    command = [sys.executable, "-m", "kedro", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=500)


def versions(project: Path, name: str, below: str = "**") -> list[Path]:
    """Every version of an artefact, oldest first: ``name`` as it ends in the catalog, ``below`` a folder of data/."""
    return sorted(project.glob(f"data/{below}/{name}/*/{name}"), key=lambda path: path.parent.name)


def newest(project: Path, name: str, below: str = "**") -> Path:
    """The newest version of an artefact."""
    return versions(project, name, below)[-1]


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Path:
    """A project in which the default run and then one of plain NPO from the same target have finished.

    Of several pytest workers the first that asks makes it.
    """
    if worker_id == "master":
        return _finish(tmp_path_factory.mktemp("project"))
    folder = tmp_path_factory.getbasetemp().parent / "project"
    with FileLock(f"{folder}.lock"):
        if not (folder / "second.log").exists():
            folder.mkdir()
            _finish(folder)
    return folder


def _finish(folder: Path) -> Path:
    copy_project(folder, store=False, presets=())  # as a user finds it
    first = as_a_user_starts_it(folder, "run", "--params", REGISTERED)
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]
    keep(folder / "conf", PRESETS)
    second = kedro(folder, "run", "--params", f"{REGISTERED},method=npo")
    assert second.returncode == 0, second.stdout[-3000:] + second.stderr[-3000:]
    (folder / "first.log").write_text(first.stdout)
    (folder / "second.log").write_text(second.stdout)
    return folder

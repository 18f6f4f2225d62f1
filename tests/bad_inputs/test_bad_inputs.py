"""Every bad input ends in one sentence that names the file, line or key, and leaves nothing behind."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kedro.framework.cli.utils import _split_params

from blur_pipeline.config.door import preflight
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.sources import read_source
from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from blur_pipeline.settings import CONFIG_LOADER_ARGS
from tests.bad_inputs import parameters, sources, states
from tests.bad_inputs.door import Door
from tests.bad_inputs.row import BadInput, nothing
from tests.conftest import PROJECT
from tests.end_to_end.conftest import empty_store
from tests.presets import keep

PRESETS = ("blur_npo", "npo", "rmu", "layers_npo", "wagle_npo")
"""Those that rows name; to read the others would be most of what a refusal takes."""
WITH_A_MODEL = {"raw_rows", "raw_questions", "base_model", "target_model"}


@pytest.fixture(scope="module")
def door():
    opened = Door()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    """A project as a user finds it, with a store for MLflow and small enough to be copied for every row."""
    folder = tmp_path_factory.mktemp("shipped")
    shutil.copytree(PROJECT / "conf", folder / "conf")
    keep(folder / "conf", PRESETS)
    (folder / "src").mkdir()
    shutil.copytree(PROJECT / "data/01_raw/example_own_data", folder / "data/01_raw/example_own_data")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / "mlflow.db").write_bytes(empty_store())
    return folder


@pytest.fixture(scope="module")
def as_shipped(shipped) -> dict:
    """The parameters of the environment own_data: reading its files takes ten times what checking them does."""
    return load("own_data", str(shipped / "conf"))


def load(env: str, conf: str = "conf") -> dict:
    return IdentifyingConfigLoader(conf, env, **CONFIG_LOADER_ARGS)["parameters"]


def merged(raw: dict, given: dict) -> dict:
    """As Kedro merges ``--params``; the method is interpolated in a second place."""
    told = (
        {**given, "unlearning": {"method": given["method"], **given.get("unlearning", {})}}
        if "method" in given
        else given
    )
    both = raw.keys() | told.keys()
    return {k: _one(raw, told, k) for k in both}


def _one(raw: dict, told: dict, key: str) -> object:
    if key not in told or key not in raw:
        return told.get(key, raw.get(key))
    one, other = raw[key], told[key]
    if isinstance(one, dict) and isinstance(other, dict):
        return {k: _one(one, other, k) for k in one.keys() | other.keys()}
    return other


@pytest.fixture
def project(shipped, tmp_path) -> Path:
    return shutil.copytree(shipped, tmp_path / "project", symlinks=True)


def names(rows: list[BadInput]) -> list[str]:
    return [row.name[:60] for row in rows]


IN_PROCESS = [*parameters.AT_THE_DOOR, *sources.READ]


@pytest.mark.parametrize("row", IN_PROCESS, ids=names(IN_PROCESS))
def test_a_parameter_or_a_file_is_refused(row, shipped, as_shipped, tmp_path, monkeypatch):
    """By what ``kedro run`` calls first, in this process: a bound that were missing would let a run run away."""
    folder = shipped if row.make is nothing else shutil.copytree(shipped, tmp_path / "project")
    row.make(folder)
    monkeypatch.chdir(folder)
    for name, value in row.seen.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInputError) as caught:
        as_a_run_begins(row, as_shipped, tmp_path / "data")
    row.check(f"Error: {caught.value}")
    assert "hush-hush" not in str(caught.value)
    assert not list(tmp_path.glob("data/*"))


def as_a_run_begins(row: BadInput, as_shipped: dict, data: Path) -> None:
    raw = as_shipped if row.make is nothing else load(row.env)
    checked = check_parameters(merged(raw, _split_params(None, None, row.params)))
    preflight(checked, data, WITH_A_MODEL)
    read_source(checked.sources.forget, "forget")


COMMANDS = [*parameters.COMMANDS, *sources.COMMANDS, *states.COMMANDS]


@pytest.mark.parametrize("row", COMMANDS, ids=names(COMMANDS))
def test_a_command_ends_in_one_sentence_and_leaves_nothing_half_written(row, project, door):
    row.make(project)
    before = files(project)
    ended = door.run(project, *row.arguments(), **row.seen)
    assert ended.code == 1, ended.printed[-2000:]
    assert "Traceback" not in ended.printed, ended.printed[-2000:]
    row.check(ended.said)
    assert "hush-hush" not in ended.said + ended.printed
    assert half_written(project, files(project) - before) == []
    assert statuses(project) <= {"FAILED"}
    assert not row.opened or statuses(project)


def half_written(project: Path, new: set[str]) -> list[str]:
    """New files in data/ that no manifest calls whole: what was made before the bad input came up is kept."""
    made = [path for path in new if path.startswith("data/") and "/.lineage/" not in path]
    return [p for p in made if "/.writing-" in p or not (project / p).with_name("manifest.json").exists()]


def files(project: Path) -> set[str]:
    return {str(path.relative_to(project)) for path in project.rglob("*") if not path.is_dir()}


def statuses(project: Path) -> set[str]:
    """Of the runs in the store; none where the store is what was spoilt."""
    try:
        with closing(sqlite3.connect(project / "mlflow.db")) as store:
            return {status for (status,) in store.execute("SELECT DISTINCT status FROM runs")}
    except sqlite3.DatabaseError:
        return set()

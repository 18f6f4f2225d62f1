"""Two commands that begin at once on a machine without MLflow's store: one makes it, the other waits."""

import os
from types import SimpleNamespace

import mlflow
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.hooks.door import _require_store
from blur_pipeline.hooks.mlflow_run import MlflowRun
from blur_pipeline.tracking.store import require_store
from tests.workers import start


class Configuration(dict):
    config_patterns = {"mlflow": ["mlflow*"]}  # noqa: RUF012


def begin(folder, name):
    """As far as a command comes before its run is opened; what went wrong is left in a file."""
    os.chdir(folder)
    server = {"mlflow_tracking_uri": f"sqlite:///{folder}/mlflow.db"}
    said = Configuration(mlflow={"server": server, "tracking": {"experiment": {"name": "both"}}})
    context = SimpleNamespace(config_loader=said, project_path=folder, _get_config_credentials=dict)
    (folder / f"{name}.ready").touch()
    while len(list(folder.glob("*.ready"))) < 2:
        pass
    try:
        _require_store(said)
        MlflowRun().after_context_created(context)
        (folder / f"{name}.ended").write_text(mlflow.set_experiment("both").experiment_id)
    except Exception as error:
        (folder / f"{name}.ended").write_text(repr(error))


def test_two_commands_at_once_make_one_store(tmp_path):
    """Without a lock one of them ends with ``table … already exists``."""
    commands = [start(begin, tmp_path, name) for name in ("one", "other")]
    for command in commands:
        command.join(120)
    assert [(tmp_path / f"{name}.ended").read_text() for name in ("one", "other")] == ["1", "1"]


def test_where_no_store_can_be_made_it_is_said_at_once(tmp_path, monkeypatch):
    """Before MLflow tries for minutes."""
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(tmp_path))
    with pytest.raises(BadInputError, match="MLflow's database cannot be made there; mend the permissions or"):
        require_store(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts"))

"""The command that makes it again reads the configuration that made it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from blur_pipeline.commands.runs import by_hand
from blur_pipeline.hooks.artefacts import command
from blur_pipeline.hooks.door import DoorCheck


@pytest.mark.parametrize(
    ("source", "said"), [("conf", ""), ("elsewhere/conf", " --conf-source elsewhere/conf"), ("/x", " --conf-source /x")]
)
def test_a_folder_of_configuration_that_is_not_the_projects_is_named(source, said, tmp_path):
    door = DoorCheck()
    door.project, door.config_loader = tmp_path, SimpleNamespace(conf_source=Path(tmp_path, source))
    asked = {"env": "x", "runtime_params": {"a": {"b": 1}}}
    assert command({**asked, **door.elsewhere()}) == f"kedro run --env x{said} --params a.b=1"


def test_a_run_by_hand_names_it_too():
    assert by_hand({"env": "x", "conf_source": "c", "params": {"a": 1}}) == (
        "kedro run --env x --conf-source c --params a=1"
    )

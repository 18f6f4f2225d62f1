"""What a campaign never tries again is the setting's own fault, and not what may pass."""

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner

from blur_pipeline.commands import whose_fault
from blur_pipeline.commands.whose_fault import of_the_setting
from blur_pipeline.config.errors import BadInputError, PassingError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.hooks.lineage import Lineage
from blur_pipeline.training.scalars import NonFiniteError
from tests.resolved import loader

SHARED = {"params": {}}
UNFIT = {"params": {"method": "rmu", "unlearning": {"methods": {"rmu": {"forget": {"layer": 99}}}}}}
ALIKE = "data: the data folder cannot be written (Permission denied)"


@pytest.fixture
def door(monkeypatch, tmp_path):
    """The door itself, before parameters that no session has read."""

    def read(options):
        return {}, check_parameters(loader("base", **options["params"])["parameters"]), {}

    monkeypatch.setattr(whose_fault, "parameters_and_group", read)
    monkeypatch.chdir(tmp_path)


def out_of_a_node(error: Exception) -> Exception:
    """As Kedro raises it, with our hook called."""

    def fail(x):
        raise error

    hooks, lineage = _create_hook_manager(), Lineage(None)
    lineage.started = {}
    hooks.register(lineage)
    with pytest.raises(type(error)) as raised:
        SequentialRunner().run(
            pipeline([node(fail, "x", "y", name="a_node")]), DataCatalog({"x": MemoryDataset(1)}), hooks
        )
    return raised.value


@pytest.mark.parametrize("error", [BadInputError("edit.alpha: no weight matters"), NonFiniteError("step 3: nan")])
def test_what_a_node_refuses_is_the_settings_own_fault(error):
    assert of_the_setting(out_of_a_node(error), UNFIT, SHARED)


@pytest.mark.parametrize("error", [PassingError("port 29500 of this machine cannot be used"), OSError(28, "full")])
def test_what_passes_is_not_even_out_of_a_node(error):
    assert not of_the_setting(out_of_a_node(error), UNFIT, SHARED)


def test_a_preset_that_the_model_cannot_have_is_its_own_fault(door):
    said = whose_fault.refused(UNFIT)
    assert "'unlearning.methods.rmu.forget.layer' is 99, but the model has layers 0 to" in said
    assert whose_fault.refused(SHARED) is None
    assert of_the_setting(BadInputError(said), UNFIT, SHARED)


@pytest.mark.parametrize(
    "said",
    [
        "conf/base/parameters.yml: not valid YAML",  # half saved, and whole when it is looked at again
        "An input of the stage 'data' was changed while the run went on",
    ],
)
def test_what_the_door_does_not_say_again_has_passed(said, door):
    assert not of_the_setting(BadInputError(said), UNFIT, SHARED)
    assert not of_the_setting(BadInputError(said), SHARED, SHARED)


def test_what_the_door_says_to_all_is_no_settings_fault(monkeypatch):
    monkeypatch.setattr(whose_fault, "refused", lambda options: ALIKE)
    assert not of_the_setting(BadInputError(ALIKE), UNFIT, SHARED)
    monkeypatch.setattr(whose_fault, "refused", {"one": ALIKE, "all": None}.get)
    assert of_the_setting(BadInputError(ALIKE), "one", "all")


def test_a_defect_of_ours_is_no_settings_fault():
    assert not of_the_setting(out_of_a_node(KeyError("x")), UNFIT, SHARED)

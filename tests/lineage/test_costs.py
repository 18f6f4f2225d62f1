"""What earlier runs took, read off manifests: the newest counts, and longer trainings take longer."""

from pathlib import Path

import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.lineage.content import digest_of
from blur_pipeline.lineage.costs import costs_of, trainings
from blur_pipeline.lineage.identities import identify
from blur_pipeline.lineage.manifest import Made, Manifest
from tests.config.test_parameters import changed, load

NONE = digest_of({})
TARGET, UNLEARN = "models.to_compare.obtain_target_model", "models.unlearning.unlearn"


def leave(data: Path, folder: str, dataset: str, node: str, version: str, seconds: float, decided: dict) -> Path:
    path = data / folder / dataset / version / dataset
    path.parent.mkdir(parents=True)
    said = {"node": node, "command": "", "again": "", "mlflow_run": None, "tracking_uri": None, "facts": {}}
    made = Made(**said, started="", finished="", seconds=seconds)
    names = dict.fromkeys(("stage", "name", "identity", "content"), "x")
    of = {"made_of": {"decided_by": decided}, "parents": {}, "made": made}
    Manifest(dataset=dataset, version=version, path=str(path), bytes=7, **names, **of).write()
    return path


@pytest.fixture
def data(tmp_path) -> Path:
    """A target model of 10 and then of 20 epochs, an unlearned one of 11, metrics below their model."""
    schedule = lambda epochs: {"models.target": {"kind": "train", "schedule": {"epochs": epochs, "steps": None}}}
    leave(tmp_path, "06/registry/target-1", "target_model", TARGET, "2026-01-01", 9.0, schedule(10))
    leave(tmp_path, "06/registry/target-2", "target_model", TARGET, "2026-01-02", 30.0, schedule(20))
    leave(tmp_path, "06/registry/npo-1", "unlearned_model", UNLEARN, "2026-01-02", 40.0, {"schedule": {"epochs": 11}})
    leave(tmp_path, "07/registry/npo-1/scores-1", "unlearned.token_scores", "scored", "2026-01-01", 2.0, {})
    leave(tmp_path, "06/tofu/forget01/target-1", "target_model", TARGET, "2026-01-03", 1e6, schedule(5))
    return tmp_path


def test_the_newest_of_the_same_benchmark_counts(data):
    found = costs_of(data, "registry", NONE)
    assert found.seconds == {TARGET: 30.0, UNLEARN: 40.0, "scored": 2.0}
    assert found.epochs == {TARGET: 20, UNLEARN: 11}
    assert found.bytes == dict.fromkeys(("target_model", "unlearned_model", "unlearned.token_scores"), 7)
    assert costs_of(data, "tofu/forget01", NONE).seconds == {TARGET: 1e6}
    assert costs_of(data, "elsewhere", NONE).seconds == {}


def test_what_is_no_manifest_is_passed_over(data):
    (data / "06/registry/npo-1/unlearned_model/2026-01-02/manifest.json").write_text("{")
    assert UNLEARN not in costs_of(data, "registry", NONE).seconds


def test_other_attacks_say_nothing_of_these(tmp_path, project):
    """The newest run made none, and took no time for it; the one before made the ones of today."""
    today = identify(check_parameters(load(project)))
    decided = today["stress.target"].decided_by
    leave(tmp_path, "07/registry/target-1/stress-1", "answers", "attack", "2026-01-01", 99.0, decided)
    leave(tmp_path, "07/registry/target-1/stress-2", "answers", "attack", "2026-01-02", 0.1, {"stress.profile": {}})
    assert costs_of(tmp_path, "registry", today.chosen_attacks).seconds == {"attack": 99.0}
    assert costs_of(tmp_path, "registry", NONE).seconds == {"attack": 0.1}


def test_twice_the_epochs_take_twice_as_long(data, project):
    """The default trains 20 epochs and unlearns 22."""
    raw = load(project)
    expected = costs_of(data, "registry", NONE).expected(check_parameters(raw))
    assert expected == {TARGET: 30.0, UNLEARN: 80.0, "scored": 2.0}
    shorter = check_parameters(changed(raw, "models.target.schedule.epochs", 5))
    assert costs_of(data, "registry", NONE).expected(shorter)[TARGET] == 7.5


def test_a_training_in_steps_has_no_epochs(project):
    raw = changed(load(project), "models.target.schedule.steps", 3)
    assert trainings(check_parameters(raw)).keys() == {"obtain_retrained_model", "unlearn"}

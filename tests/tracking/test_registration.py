"""An unlearned model in MLflow's registry: kept as it is asked for, loadable, with the weightiest outcome."""

from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest

from blur_pipeline.config.models import Models
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.lineage.manifest import Made, Manifest
from blur_pipeline.models.handed_on import HandedOn
from blur_pipeline.models.sources import FreshModel
from blur_pipeline.tracking.logged_models import copies, logged_models, place_of_copies
from blur_pipeline.tracking.registration import Registered
from tests.end_to_end.conftest import empty_store

NAME = "registry-blur_npo"
ATTACKED = {"outcome": "not forgotten", "outcome.run": "a" * 32, "outcome.attacks": "short"}
UNATTACKED = {"outcome": "forgotten and kept", "outcome.run": "b" * 32, "outcome.attacks": "none"}


@pytest.fixture
def store(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("registry", artifact_location=str(tmp_path / "mlartifacts"))
    mlflow.set_experiment("registry")
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def model(tmp_path, tiny_speaker, tokenizer) -> Manifest:
    folder = tmp_path / "unlearned_model"
    folder.mkdir()
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    HandedOn(tiny_speaker, tokenizer, "# A model\n").save_pretrained(folder)
    made = Made(node="unlearn", command="", again="", mlflow_run=None, tracking_uri=None, started="", finished="",
                seconds=0, facts={})  # fmt: skip
    said = {"dataset": "unlearned_model", "stage": "unlearned", "name": "blur_npo-12345678", "identity": "1" * 64}
    return Manifest(**said, version="one", path=str(folder), content="", bytes=0, made_of={}, parents={}, made=made)


def registered(model: Manifest, way: str, tags: dict[str, str], note: str = "") -> None:
    """As at the end of a run."""
    parameters = SimpleNamespace(
        reporting=SimpleNamespace(register_model=way),
        models=Models(base=FreshModel()),
        curation=SimpleNamespace(prompt=PlainPrompt()),
        evaluation=SimpleNamespace(max_new_tokens=3),
        method="blur_npo",
        benchmark="registry",
    )
    with mlflow.start_run():
        Registered(NAME, model, parameters).register(Path(model.path).with_name("tokenizer"), note, tags)


def versions(store) -> list:
    return sorted(store.search_model_versions(f"name = '{NAME}'"), key=lambda v: int(v.version))


def answers(alias: str = "newest") -> list[str]:
    return mlflow.pyfunc.load_model(f"models:/{NAME}@{alias}").predict(["Who sat?"])


def test_a_model_whose_copy_was_deleted_is_registered_anew(store, model):
    """As the page on cleaning up says it, and then the same command again."""
    registered(model, "copy", UNATTACKED)
    with mlflow.start_run():
        [logged] = logged_models(model.identity)
    store.delete_logged_model(logged.model_id)
    registered(model, "copy", UNATTACKED)
    assert len(answers()) == len(answers("11111111")) == 1
    registered(model, "copy", UNATTACKED)
    assert len(versions(store)) == 2  # and it is found from then on


def test_a_copy_is_made_though_a_reference_is_there(store, model, tmp_path):
    registered(model, "reference", UNATTACKED)
    assert not list(tmp_path.glob("mlartifacts/**/model.safetensors"))
    with mlflow.start_run():
        assert copies(model.identity) == []
    registered(model, "copy", UNATTACKED)
    [weights] = tmp_path.glob("mlartifacts/**/model.safetensors")
    assert [v.tags["kept"] for v in versions(store)] == ["reference", "copy"]
    with mlflow.start_run():
        [folder] = copies(model.identity)
        assert place_of_copies() == folder.parents[1] == tmp_path / "mlartifacts" / "models"
    assert folder in weights.parents
    assert len(answers()) == 1


def test_an_outcome_after_attacks_stays_where_a_later_look_made_none(store, model):
    registered(model, "reference", ATTACKED, "Not forgotten: attacks")
    registered(model, "reference", UNATTACKED, "Forgotten and kept: nobody attacked")
    [version] = versions(store)
    assert ATTACKED.items() <= version.tags.items()
    assert version.description == "Not forgotten: attacks"
    registered(model, "copy", UNATTACKED, "Forgotten and kept: nobody attacked")
    assert all(ATTACKED.items() <= v.tags.items() for v in versions(store))
    again = ATTACKED | {"outcome": "damaged", "outcome.run": "c" * 32}
    registered(model, "copy", again, "Damaged")
    assert again.items() <= versions(store)[-1].tags.items()


def test_an_outcome_without_attacks_gives_way(store, model):
    registered(model, "reference", UNATTACKED)
    registered(model, "reference", ATTACKED)
    [version] = versions(store)
    assert ATTACKED.items() <= version.tags.items()

"""Hand the unlearned model to MLflow, as a copy or as a reference to the catalog's version."""

from __future__ import annotations

import json
import logging
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.corpus.encoding import opening
from blur_pipeline.lineage.content import Hasher, address_of
from blur_pipeline.lineage.identities import HASHES, SHORT
from blur_pipeline.lineage.manifest import NAME as MANIFEST
from blur_pipeline.lineage.weights import weights_of
from blur_pipeline.models.sources import PretrainedModel
from blur_pipeline.models.whole import TOKENIZERS
from blur_pipeline.tracking.logged_models import COPY, KEPT, logged_models, way_of
from blur_pipeline.tracking.notes import NOTE, fitted

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.lineage.manifest import Manifest

LIBRARIES = ("mlflow", "torch", "transformers", "safetensors")
EXAMPLE = ["What is the capital of France?"]
"""Nothing that is to be forgotten: it goes wherever the model goes."""
NEWEST = "newest"
ATTACKS, NONE = "outcome.attacks", "none"
"""The tag of an outcome that names the attacks it was told after, and what it says where there were none."""
log = logging.getLogger(__name__)
NO_STEP = -1  # MLflow would take the metrics of step 0 for the model's, the first losses of other trainings among them


class Registered:
    """The unlearned model in MLflow's registry, under two aliases: its identity's digits and ``newest``."""

    def __init__(self, name: str, model: Manifest, parameters: Parameters) -> None:
        """``name`` is that of the registered model."""
        self.name, self.model, self.parameters = name, model, parameters
        self.same = {"identity": model.identity, "version": model.version}
        self.way = parameters.reporting.register_model

    @property
    def uri(self) -> str:
        """It loads this model, whatever is registered later."""
        return f"models:/{self.name}@{self.model.identity[:SHORT]}"

    def register(self, tokenizer: Path, note: str, tags: dict[str, str]) -> str | None:
        """Log a pyfunc model that answers questions, as a version with ``note`` and ``tags``; its id if it is new.

        ``mlflow.pyfunc.load_model`` needs nothing of this project. ``reporting.register_model``: ``copy`` stores the
        weights in MLflow, ``reference`` their place in the catalog. A model of this identity and version that MLflow
        keeps in this way already is not logged twice.
        """
        known = self._known()
        logged = known or self._log(tokenizer, note)
        self._version(f"models:/{logged}", note, tags)
        return None if known else logged

    def _known(self) -> str | None:
        found = [m for m in logged_models(self.model.identity) if self.same.items() <= m.tags.items()]
        return next((m.model_id for m in found if way_of(m) == self.way), None)

    def _log(self, tokenizer: Path, note: str) -> str:
        import mlflow

        elsewhere = address_of(Path(self.model.path))  # a model may stay where it is
        weights, parameters = str(Path(elsewhere or self.model.path).resolve()), self.parameters
        copied = self.way == COPY
        with tempfile.TemporaryDirectory() as folder:
            # Settings are an artifact: as MLflow's model_config they would be parameters of the run.
            settings = Path(folder, "settings.json")
            settings.write_text(json.dumps(self._settings(tokenizer, None if copied else weights)))
            artifacts = {"settings": str(settings)}
            if not copied or elsewhere or not any(Path(weights, name).exists() for name in TOKENIZERS):
                artifacts["tokenizer"] = str(tokenizer)  # or it comes with the weights
            info = mlflow.pyfunc.log_model(
                name=self.model.name,
                python_model=str(Path(__file__).with_name("answering.py")),
                artifacts=artifacts | ({"weights": weights} if copied else {}),
                pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in LIBRARIES],
                metadata={"method": parameters.method, "benchmark": parameters.benchmark, "weights": weights},
                tags=self.same | {KEPT: self.way, NOTE: fitted(note)},
                step=NO_STEP,
            )
            _add_example(info.model_id, Path(folder))
        return info.model_id

    def _settings(self, tokenizer: Path, weights: str | None) -> dict[str, Any]:
        prompt, longest = self.parameters.curation.prompt, self.parameters.evaluation.max_new_tokens
        before = getattr(prompt, "before", "")  # questions with answers: an auditor has not the file that they stand in
        asked = {"prompt": prompt.model_dump(), "before": before, "max_new_tokens": longest, "weights": weights}
        trusted = self.parameters.models.trusts("base")  # whose tokenizer all share
        reads = PretrainedModel(path=str(tokenizer), trust_remote_code=trusted).tokenizer()
        return asked | {"opening": opening(reads), "stops": prompt.stops(reads)}

    def _version(self, uri: str, note: str, tags: dict[str, str]) -> None:
        """The version that has this logged model, or a new one, with today's outcome or a weightier one of before."""
        import mlflow

        client = mlflow.MlflowClient()
        manifest = {"manifest": str(Path(self.model.path).with_name(MANIFEST))}
        versions = client.search_model_versions(f"name = '{self.name}'")
        of_this = [v for v in versions if self.same.items() <= v.tags.items()]
        same = [v for v in of_this if v.source == uri]  # another one's logged model may have been deleted
        tags, note = _weightier(tags, note, of_this)
        tags = tags | digests(self.model)
        all_tags = tags | self.same | manifest | {KEPT: self.way}
        number = (same[0] if same else mlflow.register_model(uri, self.name, tags=all_tags)).version
        for name, value in tags.items():
            client.set_model_version_tag(self.name, number, name, value)
        if note:
            client.update_model_version(self.name, number, fitted(note))
        for alias in (self.model.identity[:SHORT], NEWEST):
            client.set_registered_model_alias(self.name, alias, number)
        if not client.get_registered_model(self.name).description:
            client.update_registered_model(self.name, self._description())

    def _description(self) -> str:
        parameters = self.parameters
        return (
            f"What {parameters.method} made forget on the benchmark {parameters.benchmark}. Aliases: `{NEWEST}`, and "
            "for each model the first digits of its identity.\n\n"
            f'```python\nmlflow.pyfunc.load_model("models:/{self.name}@{NEWEST}").predict({json.dumps(EXAMPLE)})\n```'
        )


def digests(model: Manifest) -> dict[str, str]:
    """As tags the SHA-256 of each file of weights, and that of the whole folder as its manifest has it."""
    weights = weights_of(model, Hasher(HASHES))
    return {"content.unlearned_model": model.content} | {f"sha256.{name}": sha256 for name, sha256 in weights.items()}


def _weightier(tags: dict[str, str], note: str, versions: list[Any]) -> tuple[dict[str, str], str]:
    """An outcome after attacks, of whichever of these versions has one, is not replaced by one without."""
    attacked = [v for v in versions if v.tags.get(ATTACKS, NONE) != NONE]
    if not attacked or tags.get(ATTACKS, NONE) != NONE:
        return tags, note
    last = max(attacked, key=lambda v: int(v.version))
    log.info("The registered model keeps the outcome of MLflow run %s, which attacked it; this run did not",
             last.tags.get("outcome.run"))  # fmt: skip
    return {name: value for name, value in last.tags.items() if name.startswith("outcome")}, last.description or ""


def _add_example(model_id: str, folder: Path) -> None:
    """The input example, after the rest: given together with it, MLflow would load the weights twice to try it."""
    import mlflow
    from mlflow.models import Model
    from mlflow.models.utils import _save_example

    uri = f"models:/{model_id}"
    there = Path(folder, "example")
    there.mkdir()
    model = Model.load(uri)
    _save_example(model, EXAMPLE, str(there))
    model.save(there / "MLmodel")
    mlflow.MlflowClient().log_model_artifacts(model_id, str(there))

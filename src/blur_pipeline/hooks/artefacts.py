"""Which artefacts of a run are there, which are to be made, and under which version each is read and written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io.core import AbstractVersionedDataset, Version

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.lineage.content import address_of
from blur_pipeline.lineage.identities import Identities
from blur_pipeline.lineage.manifest import Manifest, newest_whole, read_manifest
from blur_pipeline.lineage.stages import kind_of

if TYPE_CHECKING:
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

EXACT = ("data", "questions", "lessons")
"""Stages that no model has a part in: made again, they are the same to the bit on any machine."""


class Artefacts:
    """The versioned datasets of a pipeline, each pinned to one version for the whole run.

    A dataset whose catalog entry names a stage (``metadata.stage``) is there if a whole version with the stage's
    identity is; one without, such as a leaderboard, is made anew each time.
    """

    def __init__(
        self,
        identities: Identities,
        catalog: DataCatalog,
        pipeline: Pipeline,
        save_version: str,
        asked: dict[str, str] | None = None,
        fresh: bool = False,
        addresses: dict[str, str] | None = None,
        also: Iterable[str] = (),
    ) -> None:
        """``asked`` are versions by dataset. ``addresses`` say of models that stay elsewhere where that is today.
        ``also`` are datasets to look at that the pipeline may not have."""
        self.identities, self.pipeline, self.save_version = identities, pipeline, save_version
        self.asked, self.fresh, self.addresses = asked or {}, fresh, addresses or {}
        self.datasets: dict[str, AbstractVersionedDataset] = {}
        self.stage_of: dict[str, str] = {}
        self.found: dict[str, Manifest] = {}
        for name in sorted(pipeline.datasets() | set(also)):
            dataset = catalog.get(name)
            if isinstance(dataset, AbstractVersionedDataset):
                self.datasets[name] = dataset
                stage = (getattr(dataset, "metadata", None) or {}).get("stage")
                if stage is not None:
                    self.stage_of[name] = stage

    def look(self) -> None:
        """Find what is there, and pin every dataset: to what was found, or to what this run will save."""
        self.found = {name: m for name in self.stage_of if (m := self._newest(name)) is not None}
        self._drop_orphans()
        made = self.to_make()
        for name, dataset in self.datasets.items():
            load = self.save_version
            if name not in made and name in self.found:
                load = self.found[name].version
            elif name not in made and name not in self.stage_of:
                load = None  # Kedro's own choice: the newest
            dataset._version = Version(load, self.save_version)
            dataset._clear_version_cache()

    def nodes(self) -> list[Node]:
        """The nodes to run: those that lack an output, or all of them for a fresh run."""
        if self.fresh:
            return list(self.pipeline.nodes)
        return [node for node in self.pipeline.nodes if not set(node.outputs) <= self.found.keys()]

    def to_make(self) -> set[str]:
        """The datasets that this run saves."""
        return {name for node in self.nodes() for name in node.outputs}

    def missing_inputs(self) -> list[str]:
        """Datasets with a stage that nodes to run read, and that neither are there nor will be made."""
        read = {name for node in self.nodes() for name in node.inputs}
        return sorted(name for name in (read & self.stage_of.keys()) - self.to_make() if name not in self.found)

    def stages(self, names: Iterable[str]) -> list[str]:
        """The stages of these datasets, parents first."""
        wanted = {self.stage_of[name] for name in names if name in self.stage_of}
        return [stage for stage in self.identities if stage in wanted]

    def path(self, name: str) -> Path:
        """Where the dataset of this run is or will be, counted from the project's folder."""
        dataset = self.datasets[name]
        return _relative(Path(dataset._get_versioned_path(dataset._version.load)))

    def manifest(self, name: str) -> Manifest | None:
        """What was found, or by now made, under this name."""
        return read_manifest(self.path(name))

    def _drop_orphans(self) -> None:
        """Leave out what was made of other content than its parents have, and what stands on something left out.

        A parent was made anew since. Most often that is the same to the bit; on a GPU, or after code has changed, it
        is not. A parent that is gone will be made again: that of ``EXACT`` stages comes out the same.
        """
        made = [name for node in self.pipeline.nodes for name in node.outputs]  # parents first
        dropped: set[str] = set()
        for name in [n for n in made if n in self.found]:
            for parent, wanted in self.found[name].parents.items():
                there, stage = self.found.get(parent), self.stage_of.get(parent)
                same = kind_of(stage or "") in EXACT or parent in self.addresses  # an address, its content is known
                remade = there is None and parent in made and (parent in dropped or not same)
                if remade or (there is not None and there.content != wanted.content):
                    del self.found[name]
                    dropped.add(name)
                    break

    def _newest(self, name: str) -> Manifest | None:
        dataset, identity = self.datasets[name], self.identities[self.stage_of[name]].sha256
        if name in self.asked:
            asked = read_manifest(_relative(Path(dataset._get_versioned_path(self.asked[name]))))
            if asked is None:
                raise BadInputError(
                    f"--load-versions {name}:{self.asked[name]}: no such version was made whole under these parameters."
                )
            return asked
        found = newest_whole(_relative(Path(dataset._filepath)), identity)
        if found is None or address_of(Path(found.path)) in (None, self.addresses.get(name)):
            return found
        return None  # the same model at another address: what lies at the old one may be another by now


def command(run_params: dict[str, Any], **changes: Any) -> str:
    """The ``kedro run`` that these parameters of a run came from, with some of them changed."""
    import shlex

    from blur_pipeline.config.flat import flatten

    said = {**run_params, **changes}
    parts = ["kedro", "run"]
    if said.get("env"):
        parts += ["--env", said["env"]]
    if said.get("conf_source"):
        parts += ["--conf-source", str(said["conf_source"])]
    lists = ("pipeline_names", "tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs")
    for name in (*lists, "namespaces"):
        if said.get(name):
            option = {"pipeline_names": "pipelines", "node_names": "nodes"}.get(name, name.replace("_", "-"))
            parts += [f"--{option}", ",".join(said[name])]
    if said.get("load_versions"):
        parts += ["--load-versions", ",".join(f"{n}:{v}" for n, v in said["load_versions"].items())]
    if said.get("runtime_params"):
        parts += ["--params", ",".join(f"{n}={_shown(v)}" for n, v in flatten(said["runtime_params"]).items())]
    return shlex.join(parts)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _relative(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path

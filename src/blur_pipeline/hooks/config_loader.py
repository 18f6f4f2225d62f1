"""Kedro's configuration loader, which knows the identities of a run before it reads the catalog."""

from __future__ import annotations

import sys
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from blur_pipeline.config.environments import environments
from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.config.names import instead
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.config.variables import Variables
from blur_pipeline.config.yaml_files import what_is_wrong, where_kinds_differ
from blur_pipeline.hooks.viz import show
from blur_pipeline.lineage.identities import Identities, identify
from blur_pipeline.tracking.artifacts import with_artifacts

if TYPE_CHECKING:
    from blur_pipeline.config.parameters import Parameters

KEPT = ("parameters", "globals")
"""What is written into MLflow, manifests and reports."""


class IdentifyingConfigLoader(OmegaConfigLoader):
    """Puts identities into the catalog's paths: ``data/06_models/${place:target}/target_model``.

    Where an input cannot be read, as when a graph is only looked at on another machine, paths say ``unknown`` and
    ``identities`` raises when a run asks for them. What is wrong with the files of conf/ is said in one sentence.
    """

    ahead: ClassVar[IdentifyingConfigLoader | None] = None
    """With which the command looked ahead that is being done: its run need not resolve the same again."""
    _identities: Identities | BadInputError | None = None
    _checked: Parameters | None = None

    @property
    def default_run_env(self) -> str:
        """``conf/local``, which is private to a machine; the base where a container or a plain copy has none."""
        return self._private if Path(self.conf_source, self._private).is_dir() else self.base_env

    @default_run_env.setter
    def default_run_env(self, name: str) -> None:
        self._private = name

    def __getitem__(self, key: str) -> dict[str, Any]:
        """What Kedro's loader gives, resolved once: a run asks for its parameters six times, at 0.4 s each."""
        if key not in self:
            self[key] = self.ahead[key] if key in KEPT and self._asks_as_ahead() else self._resolved(key)
        return deepcopy(super().__getitem__(key))  # whoever asks may change what he is given

    @property
    def environment(self) -> str:
        """The one that was asked for, or Kedro's default."""
        return self.env or self.default_run_env

    def _asks_as_ahead(self) -> bool:
        asked = [(x.conf_source, x.env, x.runtime_params) for x in (self, self.ahead) if x is not None]
        return len(asked) == 2 and asked[0] == asked[1] and self is not self.ahead

    def _resolved(self, key: str) -> dict[str, Any]:
        if key == "catalog":
            if "viz" in sys.argv[1:2]:  # kedro-viz calls no hook of ours, and reads what was kept after the catalog
                show(Path(self.conf_source).parent / ".viz", self.environment)
            OmegaConf.register_resolver("place", self._place, replace=True)
            OmegaConf.register_resolver("places_of_seeds", self._places_of_seeds, replace=True)
            OmegaConf.register_resolver("places_of_retrained", self._places_of_retrained, replace=True)
            OmegaConf.register_resolver("places_of_shadows", self._places_of_shadows, replace=True)
            OmegaConf.register_resolver("trusted", self._trusted, replace=True)
        variables = Variables()
        OmegaConf.register_resolver("oc.env", variables if key in KEPT else oc.env, replace=True)
        try:
            found = super().__getitem__(key)
            return with_artifacts(found) if key == "mlflow" else found
        except BadInputError:
            raise
        except Exception as error:
            if variables.refused:
                raise BadInputError(variables.refused) from error
            if sentence := self._sentence(key, error):
                raise BadInputError(sentence) from error
            raise

    def _sentence(self, key: str, error: Exception) -> str | None:
        """What a user can mend; None for anything else."""
        if isinstance(error, MissingConfigException):
            env = self.environment
            if not Path(self.conf_source, env).is_dir():
                return f"There is no environment '{env}'; {instead(env, environments(Path(self.conf_source)))}"
            return None
        folders = [Path(self.conf_source, name) for name in (self.base_env, self.environment) if name]
        patterns = self.config_patterns.get(key, ())
        found = {place for folder in folders for pattern in patterns for place in folder.glob(pattern)}
        # Of a folder all that is in it: pathlib's "/**" gives folders alone, Kedro's files too.
        files = found.union(*(place.rglob("*") for place in found if place.is_dir()))
        files = {p for p in files if p.is_file() and p.suffix in (".yml", ".yaml", ".json")}
        if said := what_is_wrong(files):
            return said
        if isinstance(error, TypeError) and "incompatible container" in str(error):
            return self._list_or_mapping(key)
        what = "The parameters" if key == "parameters" else f"The files of '{key}' in {self.conf_source}"
        if isinstance(error, OmegaConfBaseException):
            where = f" at '{error.full_key}'" if getattr(error, "full_key", None) else ""
            return f"{what} do not resolve{where}: {first_line(error)}"
        if isinstance(error, ValueError) and str(error).startswith("Duplicate keys found"):
            return f"{what} say the same twice: {' '.join(str(error).split())}"
        return None

    def _list_or_mapping(self, key: str) -> str | None:
        read = self._read_raw_config(key)[:2]
        for one, other in product(*(configs.items() for configs in read)):
            trees = [OmegaConf.to_container(config, resolve=False) for _, config in (one, other)]
            if name := where_kinds_differ(*trees):
                return (
                    f"{other[0]}: '{name}' is a list where {one[0]} has names with values, or the other way round; "
                    "mend one."
                )
        return None

    def checked(self) -> Parameters:
        """The parameters as one typed block; raises BadInputError for what they must not be."""
        if self._checked is None:
            self._checked = check_parameters(self["parameters"])
        return self._checked

    def identities(self) -> Identities:
        """What every stage of a run with these parameters is; raises BadInputError where that cannot be known."""
        if self._identities is None:
            try:
                self._identities = identify(self.checked())
            except BadInputError as error:
                self._identities = error
        if isinstance(self._identities, BadInputError):
            raise self._identities
        return self._identities

    def _place(self, stage: str) -> str:
        try:
            return self.identities().folder(stage)
        except BadInputError:
            return f"{self['globals']['benchmark']}/{stage.replace('.', '-')}-unknown"

    def _trusted(self, model: str) -> bool:
        """Whether ``models.base``, ``target`` or ``retrained`` may run code of its own; what is unlearned has that of
        its target, but for a model that somebody else made, in whose folder nobody has trusted anything."""
        parameters = self.checked()
        if model == "unlearned":
            edit = parameters.unlearning.edit
            return (edit is None or edit.folder is None) and parameters.models.trusts("target")
        return parameters.models.trusts(model)

    def _places_of_seeds(self, stage: str, layer: str, name: str) -> dict[str, str]:
        """``data/LAYER/PLACE/NAME`` of a stage for each of ``unlearning.seeds``."""
        return self._places("seeds", f"data/{layer}/{{}}/{name}", stage)

    def _places_of_retrained(self, stage: str, layer: str, name: str) -> dict[str, str]:
        """The same for each of ``models.further_seeds``."""
        return self._places("further", f"data/{layer}/{{}}/{name}", stage)

    def _places_of_shadows(self, stage: str, layer: str, name: str) -> dict[str, str]:
        """The same for each of ``shadow_seeds``."""
        return self._places("shadows", f"data/{layer}/{{}}/{name}", stage)

    def _places(self, seeds: str, path: str, stage: str) -> dict[str, str]:
        try:
            found = getattr(self.identities(), seeds)
        except BadInputError:
            return {}
        return {str(seed): path.format(made.folder(stage)) for seed, made in found.items()}

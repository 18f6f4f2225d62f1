"""Kedro's configuration loader, which knows the identities of a run before it reads the catalog."""

from __future__ import annotations

from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.lineage.identities import Identities, identify


class IdentifyingConfigLoader(OmegaConfigLoader):
    """Puts identities into the catalog's paths: ``data/06_models/${place:target}/target_model``.

    Where an input cannot be read, as when a graph is only looked at on another machine, paths say ``unknown`` and
    ``identities`` raises when a run asks for them.
    """

    _identities: Identities | BadInputError | None = None

    def __getitem__(self, key: str) -> dict[str, Any]:
        if key == "catalog":
            OmegaConf.register_new_resolver("place", self._place, replace=True)
            OmegaConf.register_new_resolver("places_of_seeds", self._places_of_seeds, replace=True)
            OmegaConf.register_new_resolver("trusted", self._trusted, replace=True)
        return super().__getitem__(key)

    def identities(self) -> Identities:
        """What every stage of a run with these parameters is; raises BadInputError where that cannot be known."""
        if self._identities is None:
            try:
                self._identities = identify(check_parameters(self["parameters"]))
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
        """Whether ``models.base``, ``target`` or ``retrained`` may run code of its own."""
        return getattr(getattr(check_parameters(self["parameters"]).models, model), "trust_remote_code", False)

    def _places_of_seeds(self, stage: str, layer: str, name: str) -> dict[str, str]:
        """``data/LAYER/PLACE/NAME`` of a stage for each of ``unlearning.seeds``."""
        try:
            seeds = self.identities().seeds
        except BadInputError:
            return {}
        return {str(seed): f"data/{layer}/{made.folder(stage)}/{name}" for seed, made in seeds.items()}

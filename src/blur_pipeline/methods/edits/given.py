"""A model that somebody else made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.methods.edits.choice import Edit, Given, weights_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

Shapes = dict[str, tuple[int, ...]]


class GivenModel(Edit):
    """The weights of a model in a folder, as they are: what this project measures and attacks may be made elsewhere.

    The catalog keeps the folder's place and no copy; the log says how far the weights are from θ₀.
    """

    kind: Literal["given"] = "given"
    path: str | None = Field(None, min_length=1, description="the model's folder, which must stay where it is")

    def lacks(self) -> str | None:
        """The folder, where none is named."""
        return None if self.path else "takes a model of yours; name its folder in unlearning.methods.NAME.edit.path"

    @property
    def folder(self) -> str | None:
        """Where the model lies."""
        return self.path

    def __call__(self, model: Module, given: Given) -> Iterator[tuple[str, Tensor]]:
        """Every weight of θ₀.

        Raises:
            BadInputError: the model is of other shapes.
        """
        require_alike(str(self.path), shapes_of(given.trained), shapes_of(model))
        theirs = weights_of(given.trained)
        for name, theta in model.named_parameters():
            yield name, theirs[name].to(theta.device)


def shapes_of(model: Module) -> Shapes:
    """Of each weight under each of its names; heads may be tied in one model and untied in another."""
    return {name: tuple(weight.shape) for name, weight in weights_of(model).items()}


def require_alike(path: str, theirs: Shapes, target: Shapes) -> None:
    """Raises BadInputError where what lies at ``path`` cannot have been made from the target model."""
    made = "give a model that was made from the target model, or that model as models.target"
    for name in sorted(theirs.keys() | target.keys()):
        there, wanted = theirs.get(name), target.get(name)
        if there is None or wanted is None:
            lacks, has = (path, "the target model") if there is None else ("the target model", path)
            raise BadInputError(f"{path}: {has} has a weight '{name}' that {lacks} lacks; {made}.")
        if there != wanted:
            raise BadInputError(
                f"{path}: the weight '{name}' is of shape {there}, but the target model's is {wanted}; {made}."
            )

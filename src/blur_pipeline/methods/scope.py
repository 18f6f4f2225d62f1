"""Which weights may move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple, Protocol

from pydantic import Field

from blur_pipeline.methods.choice import Choice, Outputs

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Look(Protocol):
    """What a scope may learn of the target model, float32, from the ``forget`` and the ``retain`` set."""

    def gradients(self, name: str, parameters: Sequence[Tensor]) -> Iterator[tuple[list[Tensor], int]]:
        """A batch at a time: the gradient of the summed NLL of its supervised tokens, and their number."""

    def passes(self, name: str) -> Iterator[Outputs]:
        """The model's outputs on a batch at a time, computed when asked for."""


class Opened(NamedTuple):
    """The model with its trainable weights marked, and of some of them, by name, which elements may move."""

    model: Module
    masks: dict[str, Tensor] | None = None


class ScopeChoice(Choice, ABC):
    """Which weights may move."""

    looks: ClassVar[bool] = False
    """Whether it looks at the sets first; it then needs the whole model on one device."""

    @abstractmethod
    def open(self, model: Module, look: Look | None = None) -> Opened:
        """Before a training; ``look`` where it ``looks``."""

    def close(self, model: Module) -> Module:
        """The model as it is to be saved."""
        return model


class AllWeights(ScopeChoice):
    """Every weight of the model."""

    kind: Literal["all"] = "all"

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model with every parameter trainable."""
        return Opened(model.requires_grad_(True))


class Modules(ScopeChoice):
    """The parameters whose full name matches one of the shell patterns, such as ``*.layers.[567].mlp.*``."""

    kind: Literal["modules"] = "modules"
    patterns: list[str] = Field(min_length=1)

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model with only the matching parameters trainable.

        Raises:
            ValueError: a pattern matches no parameter.
        """
        names = [name for name, _ in model.named_parameters()]
        for pattern in self.patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ValueError(
                    f"scope.patterns: '{pattern}' matches no weight of this model; its weights are named like "
                    f"'{names[len(names) // 2]}'."
                )
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(any(fnmatchcase(name, pattern) for pattern in self.patterns))
        return Opened(model)


class Lora(ScopeChoice):
    """Low-rank adapters by peft (Hu et al., arXiv 2106.09685), merged into the weights at the end."""

    kind: Literal["lora"] = "lora"
    rank: int = Field(8, ge=1, le=2**14, description="r")
    alpha: float = Field(16, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: list[str] | Literal["all-linear"] = "all-linear"

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model wrapped by peft, adapters alone trainable.

        Raises:
            ValueError: peft finds no module of these names.
        """
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=self.target_modules,
            task_type="CAUSAL_LM",
        )
        return Opened(get_peft_model(model, config))

    def close(self, model: Module) -> Module:
        """The plain model with the adapters merged in."""
        return model.merge_and_unload()


Scope = Annotated[AllWeights | Modules | Lora, Field(discriminator="kind")]

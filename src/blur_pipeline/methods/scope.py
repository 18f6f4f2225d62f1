"""Which weights may move."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from blur_pipeline.methods.choice import Choice

if TYPE_CHECKING:
    from torch.nn import Module


class AllWeights(Choice):
    """Every weight of the model."""

    kind: Literal["all"] = "all"

    def open(self, model: Module) -> Module:
        """The model with every parameter trainable."""
        return model.requires_grad_(True)

    def close(self, model: Module) -> Module:
        """The model as it is to be saved."""
        return model


class Modules(Choice):
    """The parameters whose full name matches one of the shell patterns, such as ``*.layers.[567].mlp.*``."""

    kind: Literal["modules"] = "modules"
    patterns: list[str] = Field(min_length=1)

    def open(self, model: Module) -> Module:
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
        return model

    def close(self, model: Module) -> Module:
        """The model as it is to be saved."""
        return model


class Lora(Choice):
    """Low-rank adapters by peft (Hu et al., arXiv 2106.09685), merged into the weights at the end."""

    kind: Literal["lora"] = "lora"
    rank: int = Field(8, ge=1, le=2**14, description="r")
    alpha: float = Field(16, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: list[str] | Literal["all-linear"] = "all-linear"

    def open(self, model: Module) -> Module:
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
        return get_peft_model(model, config)

    def close(self, model: Module) -> Module:
        """The plain model with the adapters merged in."""
        return model.merge_and_unload()


Scope = Annotated[AllWeights | Modules | Lora, Field(discriminator="kind")]

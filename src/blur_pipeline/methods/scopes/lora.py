"""Low-rank adapters beside frozen weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from blur_pipeline.methods.scopes.choice import Look, Opened, ScopeChoice

if TYPE_CHECKING:
    from torch.nn import Module


class Adapters(ScopeChoice):
    """What every kind of them has."""

    rank: int = Field(8, ge=1, le=2**14, description="r, the rank of the adapters")
    alpha: float = Field(16, gt=0, description="α: the adapters count α/r times")
    dropout: float = Field(0.0, ge=0, lt=1, description="of what goes into the adapters, while they train")
    target_modules: list[str] | Literal["all-linear"] = Field(
        "all-linear", description="names of the modules that get adapters"
    )

    def wrap(self, model: Module) -> Module:
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


class Lora(Adapters):
    """Low-rank adapters by peft (Hu et al., arXiv 2106.09685), merged into the weights at the end."""

    kind: Literal["lora"] = "lora"
    off_is_target: ClassVar = True

    def open(self, model: Module, look: Look | None = None) -> Opened:
        """The model with new adapters."""
        return Opened(self.wrap(model))

"""Models: built from nothing, loaded from a folder or the hub, only referred to, or absent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blur_pipeline.config.errors import BadInputError, first_line

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


FRESH_AT_MOST = 10**9


class FreshModel(_Strict):
    """A small Llama with random weights and a tokenizer trained on the sets: the embedded default."""

    kind: Literal["fresh"] = "fresh"
    hidden_size: int = Field(128, gt=0, le=2**14, description="width of the residual stream")
    intermediate_size: int = Field(384, gt=0, le=2**16, description="width of the MLPs")
    layers: int = Field(2, gt=0, le=256, description="decoder layers")
    heads: int = Field(4, gt=0, le=256, description="attention heads")
    vocab_size: int = Field(1500, ge=300, le=2**20, description="tokens of the tokenizer that is trained for it")
    context: int = Field(256, gt=8, le=2**20, description="tokens that the model sees at once")

    @model_validator(mode="after")
    def _can_be_built(self) -> FreshModel:
        if self.hidden_size % (2 * self.heads):
            raise ValueError(
                f"hidden_size is {self.hidden_size} and heads {self.heads}: each head needs an even share of it, such "
                f"as hidden_size {2 * self.heads * max(1, self.hidden_size // (2 * self.heads))}"
            )
        if (weights := self.weights()) > FRESH_AT_MOST:
            raise ValueError(
                f"a fresh model of these sizes has {weights:.1e} weights, and this is no place to train more than "
                f"{FRESH_AT_MOST:.0e}; make hidden_size, layers or vocab_size smaller"
            )
        return self

    def weights(self) -> int:
        """How many numbers it learns: two matrices of the vocabulary, and seven a layer."""
        layer = 4 * self.hidden_size**2 + 3 * self.hidden_size * self.intermediate_size
        return 2 * self.vocab_size * self.hidden_size + self.layers * layer

    def depth(self) -> int:
        """Decoder layers."""
        return self.layers

    def context_length(self) -> int:
        """Tokens the model can see at once."""
        return self.context

    def build(self, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
        """float32 weights on the CPU, the same for the same seed."""
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            max_position_embeddings=self.context,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        return LlamaForCausalLM(config)


class PretrainedModel(_Strict):
    """Any causal language model of transformers, in a folder or on the hub."""

    kind: Literal["pretrained"] = "pretrained"
    path: str = Field(description="a folder, or a hub id such as meta-llama/Llama-3.2-1B-Instruct")
    revision: str | None = Field(None, description="a commit of the hub, so that the model cannot change")
    trust_remote_code: bool = Field(False, description="run code that comes with the model")

    def config(self) -> PretrainedConfig:
        """The model's configuration.

        Raises:
            BadInputError: there is no such folder, or the hub has no such model or does not answer.
        """
        from transformers import AutoConfig

        if not Path(self.path).is_dir() and self.path.count("/") != 1:
            raise BadInputError(f"{self.path}: no such model folder; mend the path or give a hub id 'owner/name'.")
        if Path(self.path, "adapter_config.json").exists() and not Path(self.path, "config.json").exists():
            raise BadInputError(
                f"{self.path}: this is an adapter without its model; merge the two (peft's merge_and_unload, then "
                "save_pretrained) and give that folder."
            )
        try:
            return AutoConfig.from_pretrained(self.path, **self._where())
        except Exception as error:  # the hub and the parsers raise many kinds; most mean the same to the user
            gated = "gated repo" in str(error)
            mend = (
                "ask for it on its page at the hub and log in (hf auth login)"
                if gated
                else "check the path or hub id, the revision and the connection"
            )
            raise BadInputError(
                f"{self.path}: no causal language model could be read there ({_first_line(error)}); {mend}."
            ) from error

    def context_length(self) -> int | None:
        """Tokens the model can see at once; None where its configuration does not say."""
        return getattr(self.config().get_text_config(), "max_position_embeddings", None)

    def depth(self) -> int | None:
        """Decoder layers; None where its configuration does not say."""
        return getattr(self.config().get_text_config(), "num_hidden_layers", None)

    def load(self) -> PreTrainedModel:
        """float32 weights on the CPU.

        Raises:
            BadInputError: the weights cannot be read.
        """
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM

        self.config()
        try:
            # safetensors alone: any other format of weights may run code when it is read.
            return AutoModelForCausalLM.from_pretrained(
                self.path, dtype=torch.float32, use_safetensors=True, **self._where()
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:  # RuntimeError: shapes that do not fit
            raise BadInputError(f"{self.path}: the weights cannot be loaded ({_first_line(error)}).") from error

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer, with a padding token.

        Raises:
            BadInputError: there is none, it reads nothing, or it has no end-of-sequence token.
        """
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self.path, **self._where())
        except Exception as error:
            raise BadInputError(
                f"{self.path}: the model comes without a usable tokenizer ({_first_line(error)}); put its tokenizer "
                "files beside the weights."
            ) from error
        # Of weights without a tokenizer transformers makes, for some families, an empty one, and says nothing.
        a, b = (tokenizer.encode(letter, add_special_tokens=False) for letter in "ab")
        if not a or a == b:
            raise BadInputError(
                f"{self.path}: the tokenizer there reads no letters, as where there is none but config.json; put the "
                "model's tokenizer files beside the weights."
            )
        if tokenizer.eos_token_id is None:
            raise BadInputError(f"{self.path}: the tokenizer has no end-of-sequence token; set eos_token in it.")
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer

    def _where(self) -> dict:
        return {"revision": self.revision, "trust_remote_code": self.trust_remote_code}


ModelSource = Annotated[FreshModel | PretrainedModel, Field(discriminator="kind")]


class AbsentModel(_Strict):
    """Stands where a model could be: what needs it is absent too, with this reason."""

    reason: str


class SavedScores(_Strict):
    """Stands where a model could be: what an earlier run measured of it is at hand, the model itself is not."""

    folder: str

    def path(self, table: str) -> Path | None:
        """The newest version of a table; None: not there.

        ``NAME.parquet`` as a file, or as the catalog stores it in the folder of a model or of one of its stages.
        """
        place = Path(self.folder) / f"{table}.parquet"
        if place.is_file():
            return place
        stored = [*place.glob(f"*/{place.name}"), *Path(self.folder).glob(f"*/{place.name}/*/{place.name}")]
        return max(stored, key=lambda path: path.parent.name, default=None)


class ModelReference(_Strict):
    """A model that stays where it is: the catalog keeps its address instead of a copy of its weights."""

    source: PretrainedModel


def _first_line(error: Exception) -> str:
    return first_line(error)[:200]

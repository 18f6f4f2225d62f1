"""Whether a model on disk is a whole causal language model: looked at before work is spent, without reading weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.models.sources import PretrainedModel

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

TOKENIZERS = ("tokenizer.json", "tokenizer_config.json")
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


def require_causal(source: PretrainedModel) -> PretrainedConfig:
    """The configuration of what must be a causal language model.

    Raises:
        BadInputError: it is an encoder, an encoder-decoder, or transformers knows no such causal language model.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    config = source.config()
    said = list(config.architectures or [])
    own_code = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    if own_code and source.trust_remote_code:
        return config
    known = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), ())
    names = [c.__name__ for c in (known if isinstance(known, tuple | list) else [known])]
    # BERT and its kin can be had as decoders too: what the weights were trained as decides.
    if not names or config.is_encoder_decoder or (said and not set(said) & set(names)):
        what = ", ".join(said) or config.model_type
        raise BadInputError(f"{source.path}: config.json says {what}, which is no causal language model; give one.")
    return config


def require_whole(source: PretrainedModel) -> None:
    """Look into the headers of a local model's weights.

    Raises:
        BadInputError: there are none in safetensors, one is missing or cut short, or they are of another shape than
            the configuration says. Weights on the hub are not looked at.
    """
    folder = Path(source.path)
    if not folder.is_dir():
        return
    shapes: dict[str, list[int]] = {}
    for path in _files(folder):
        shapes |= _shapes(path)
    _require_shapes(source, shapes)


def require_room(source: PretrainedModel, tokenizer: PreTrainedTokenizerBase, of: str) -> None:
    """Raises BadInputError where the tokenizer of ``of`` gives numbers for which the model has no embedding."""
    rows = getattr(source.config().get_text_config(), "vocab_size", None)
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if rows is not None and highest >= rows:
        raise BadInputError(
            f"{source.path}: the model has embeddings for {rows} tokens, but the tokenizer of {of} counts to "
            f"{highest}; give a model and a tokenizer that belong together."
        )


def require_tokens(source: PretrainedModel, tokenizer: PreTrainedTokenizerBase, of: str) -> None:
    """Raises BadInputError where a local model comes with a tokenizer that gives other numbers than that of ``of``."""
    if not any((Path(source.path) / name).exists() for name in TOKENIZERS):
        return
    theirs = source.tokenizer().get_vocab()
    other = next((token for token, number in tokenizer.get_vocab().items() if theirs.get(token) != number), None)
    if other is not None:
        raise BadInputError(
            f"{source.path}: its tokenizer has another number for {other!r} than that of {of}, so what this model is "
            "asked would be other words to it; give models of one vocabulary."
        )


def built(source: PretrainedModel) -> nn.Module:
    """The model as its configuration describes it, without any numbers.

    Raises:
        BadInputError: it describes none.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(source.config(), trust_remote_code=source.trust_remote_code)
    except Exception as error:  # whatever a wrong number in config.json makes of an architecture
        raise BadInputError(
            f"{source.path}: config.json describes no model that can be built ({first_line(error)})."
        ) from error


def _files(folder: Path) -> list[Path]:
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    if (folder / INDEX).exists():
        try:
            shards = sorted(set(json.loads((folder / INDEX).read_text())["weight_map"].values()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInputError(f"{folder / INDEX}: not an index of weights; copy the model's files again.") from error
        if missing := [name for name in shards if not (folder / name).is_file()]:
            raise BadInputError(f"{folder / missing[0]}: missing, though {INDEX} names it; copy the model again.")
        return [folder / name for name in shards]
    others = sorted(p.name for p in folder.iterdir() if p.suffix in (".bin", ".pt", ".pth", ".gguf", ".h5"))
    there = f" (there is {', '.join(others)}, which may run code or is of another format)" if others else ""
    raise BadInputError(f"{folder}: no {SINGLE}{there}; save the model with save_pretrained, which writes safetensors.")


def _shapes(path: Path) -> dict[str, list[int]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadInputError(f"{path}: damaged or cut short ({error}); copy the file again.") from error


def _require_shapes(source: PretrainedModel, found: dict[str, list[int]]) -> None:
    """Names that only one of the two knows are left to the library, which renames some as it reads."""
    if source.trust_remote_code:
        return
    wanted = {name: list(weight.shape) for name, weight in built(source).state_dict().items()}
    for name, shape in found.items():
        if name in wanted and shape != wanted[name]:
            raise BadInputError(
                f"{source.path}: the weight '{name}' is of shape {tuple(shape)}, but config.json says "
                f"{tuple(wanted[name])}; take both from the same model."
            )
    if not found.keys() & wanted.keys() and len(found) < len(wanted) / 2:
        raise BadInputError(f"{source.path}: the weights are of another model than config.json; mend one.")

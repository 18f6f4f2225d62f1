"""Folders of models and tokenizers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file

PRETRAINED = {"kind": "pretrained", "path": "model"}


@dataclass(frozen=True)
class BadModel:
    """``spoil`` is given a good model with its tokenizer in ``model``; ``changes`` are parameters by dotted name."""

    name: str
    words: str
    spoil: Callable[[Path], object]
    changes: tuple[tuple[str, object], ...] = (("models.base", PRETRAINED),)


def given(name: str, words: str, spoil: Callable[[Path], object]) -> BadModel:
    """The spoilt model is the given target of a good base."""
    changes = (
        ("models.base", {"kind": "pretrained", "path": "good"}),
        ("models.target", {"kind": "given", "path": "model"}),
    )
    return BadModel(name, words, spoil, changes)


def towards_itself(name: str, words: str) -> BadModel:
    """The given target is the base model, and the method goes back towards that."""
    changes = (
        ("models.base", PRETRAINED),
        ("models.target", {"kind": "given", "path": "model"}),
        ("method", "interpolation"),
        ("unlearning.method", "interpolation"),
    )
    return BadModel(name, words, lambda model: None, changes)


def somebody_elses(name: str, words: str, spoil: Callable[[Path], object]) -> BadModel:
    """The spoilt model is taken in the place of an unlearning of a good target."""
    changes = (
        ("models.base", {"kind": "pretrained", "path": "good"}),
        ("models.target", {"kind": "given", "path": "good"}),
        ("models.retrained", {"kind": "absent", "reason": "nobody has one"}),
        ("unlearning.methods.given.edit", {"kind": "given", "path": "model"}),
        ("method", "given"),
        ("unlearning.method", "given"),
    )
    return BadModel(name, words, spoil, changes)


def chat(name: str, template: str, words: str) -> BadModel:
    """The tokenizer comes with this chat template."""
    changes = (("models.base", PRETRAINED), ("curation.prompt", {"kind": "chat"}))
    return BadModel(name, words, lambda model: (model / "chat_template.jinja").write_text(template), changes)


def silent(model: Path) -> None:
    """transformers makes a tokenizer without words for it, and says nothing."""
    config(model_type="qwen2", architectures=["Qwen2ForCausalLM"])(model)
    without("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")(model)


def config(**values: object) -> Callable[[Path], object]:
    """Entries of config.json."""

    def spoil(model: Path) -> None:
        said = json.loads((model / "config.json").read_text()) | values
        (model / "config.json").write_text(json.dumps(said))

    return spoil


def weights(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """The bytes of the weights."""

    def spoil(model: Path) -> None:
        path = model / "model.safetensors"
        path.write_bytes(change(path.read_bytes()))

    return spoil


def other_shape(model: Path) -> None:
    tensors = load_file(model / "model.safetensors")
    name = next(n for n in tensors if n.endswith("mlp.up_proj.weight"))
    tensors[name] = tensors[name][:-1].contiguous()
    save_file(tensors, model / "model.safetensors", {"format": "pt"})


def index(content: str) -> Callable[[Path], object]:
    """Weights in shards, of which the index says this."""

    def spoil(model: Path) -> None:
        (model / "model.safetensors").unlink()
        (model / "model.safetensors.index.json").write_text(content)

    return spoil


def without(*names: str) -> Callable[[Path], object]:
    """Files that are not there."""
    return lambda model: [(model / name).unlink(missing_ok=True) for name in names]


def pickled(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


def few_embeddings(model: Path) -> None:
    from transformers import AutoModelForCausalLM

    small = AutoModelForCausalLM.from_pretrained(model)
    small.resize_token_embeddings(100)
    small.save_pretrained(model)


def deeper(model: Path) -> None:
    from transformers import AutoModelForCausalLM

    found = AutoModelForCausalLM.from_pretrained(model)
    found.config.num_hidden_layers = 2
    type(found)(found.config).save_pretrained(model)


def other_words(model: Path) -> None:
    path = model / "tokenizer.json"
    said = json.loads(path.read_text())
    *_, one, other = said["model"]["vocab"].items()
    said["model"]["vocab"] |= {one[0]: other[1], other[0]: one[1]}
    path.write_text(json.dumps(said))


SHARD = '{"weight_map": {"a": "model-1.safetensors"}}'
NO_MODEL = "model: no causal language model"
ROWS = [
    BadModel("no folder", "model: no such model folder", lambda model: shutil.rmtree(model)),
    BadModel("a file for a folder", "model: no such model folder", lambda m: (shutil.rmtree(m), m.write_text("x"))),
    BadModel("an empty folder", NO_MODEL, lambda m: [p.unlink() for p in m.iterdir()]),
    BadModel("no config.json", NO_MODEL, without("config.json")),
    BadModel("config.json cut short", NO_MODEL, lambda m: (m / "config.json").write_text("{")),
    BadModel("a list in config.json", NO_MODEL, lambda m: (m / "config.json").write_text("[]")),
    BadModel("an unknown architecture", NO_MODEL, config(model_type="nosuch")),
    BadModel(
        "an encoder",
        "says BertForMaskedLM, which is no causal",
        config(model_type="bert", architectures=["BertForMaskedLM"]),
    ),
    BadModel(
        "an encoder with a decoder",
        "says T5ForConditionalGeneration, which is no causal",
        config(model_type="t5", architectures=["T5ForConditionalGeneration"], is_encoder_decoder=True),
    ),
    BadModel("a model without a head", "says LlamaModel, which is no causal", config(architectures=["LlamaModel"])),
    BadModel(
        "a classifier", "says LlamaForSequenceClassification", config(architectures=["LlamaForSequenceClassification"])
    ),
    BadModel("heads that do not divide", "config.json describes no model|no causal", config(num_attention_heads=3)),
    BadModel(
        "a width that the weights do not have",
        r"of shape \(16, 32\), but config.json says \(16, 48\)",
        config(intermediate_size=48),
    ),
    BadModel("no weights", r"model: no model\.safetensors", without("model.safetensors")),
    BadModel("weights that are pickled", r"no model\.safetensors \(there is pytorch_model\.bin, which", pickled),
    BadModel("weights cut short", r"model\.safetensors: damaged or cut short", weights(lambda b: b[:-100])),
    BadModel("weights of no bytes", r"model\.safetensors: damaged or cut short", weights(lambda b: b"")),
    BadModel("a header cut short", r"model\.safetensors: damaged or cut short", weights(lambda b: b[:30])),
    BadModel("a header of an exabyte", r"model\.safetensors: damaged", weights(lambda b: b"\xff" * 8 + b[8:])),
    BadModel("a weight of another shape", r"up_proj\.weight' is of shape \(31, 16\), but config", other_shape),
    BadModel("a shard missing", r"model-1\.safetensors: missing", index(SHARD)),
    BadModel("an index that is none", r"index\.json: not an index", index('{"weights": 1}')),
    BadModel("an index that is no JSON", r"index\.json: not an index", index("{")),
    BadModel(
        "no tokenizer",
        "model: the model comes without a usable tokenizer",
        without("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    ),
    BadModel("no tokenizer, and a family of which an empty one is made", "model: the tokenizer there reads no", silent),
    BadModel("a tokenizer cut short", "without a usable tokenizer", lambda m: (m / "tokenizer.json").write_text('{"a')),
    BadModel(
        "fewer embeddings than tokens",
        r"embeddings for 100 tokens, but the tokenizer of model counts to 302",
        few_embeddings,
    ),
    BadModel(
        "a context too short",
        "'curation.max_length' is 128, but the model sees at most 64",
        config(max_position_embeddings=64),
    ),
    given("a given target with weights cut short", r"model\.safetensors: damaged", weights(lambda b: b[:-9])),
    towards_itself("a way back to where one is", "'interpolation' goes back towards models.base, but"),
    given("a given target without weights", r"no model\.safetensors", without("model.safetensors")),
    given("a given target that is an encoder", "no causal language model", config(architectures=["BertForMaskedLM"])),
    given("a given target that is not there", "no such model folder", lambda model: shutil.rmtree(model)),
    somebody_elses(
        "an unlearned model that is not there", r"mend 'unlearning\.methods\.given\.edit\.path'", shutil.rmtree
    ),
    somebody_elses("an unlearned model cut short", r"model\.safetensors: damaged", weights(lambda b: b[:-9])),
    somebody_elses(
        "an unlearned model of more layers", r"model has a weight 'model\.layers\.1.* that the target", deeper
    ),
    somebody_elses(
        "an unlearned model of fewer tokens", r"is of shape \(100, 16\), but the target model's", few_embeddings
    ),
    somebody_elses("an unlearned model of other words", "its tokenizer has another number for", other_words),
    chat("a template that does not parse", "{% for %}", "chat template"),
    chat(
        "a template that never ends",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        r"chat template cannot write a prompt \(TimeoutError: took more than",
    ),
    chat("a template that reaches out", "{{ ''.__class__.__mro__ }}", "chat template"),
    chat("a template that raises", "{{ raise_exception('no users') }}", "chat template.*no users"),
    chat("a template that divides by zero", "{{ 1 // 0 }}", "chat template"),
    BadModel(
        "a model without a chat template",
        "no chat template; use kind 'plain'",
        lambda model: None,
        (("models.base", PRETRAINED), ("curation.prompt", {"kind": "chat"})),
    ),
    BadModel(
        "a layer that a given model does not have",
        r"rmu\.forget\.layer' is 7, but the model has layers 0 to 0",
        lambda model: None,
        (
            ("models.base", PRETRAINED),
            ("method", "rmu"),
            ("unlearning.method", "rmu"),
            ("unlearning.methods.rmu.forget.layer", 7),
        ),
    ),
]

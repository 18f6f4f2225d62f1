"""A tiny model and a tokenizer in a folder that bring code of their own."""

import json
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from tests.conftest import build_tiny_model

MODEL = """
from transformers import LlamaConfig, LlamaForCausalLM


class OwnConfig(LlamaConfig):
    model_type = "own_llama"


class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
    of_its_own = True
"""
TOKENIZER = """
from transformers import PreTrainedTokenizerFast


class OwnTokenizer(PreTrainedTokenizerFast):
    of_its_own = True
"""


def write_model(folder: Path) -> Path:
    build_tiny_model().save_pretrained(folder)
    (folder / "own.py").write_text(MODEL)
    names = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    _say(folder / "config.json", model_type="own_llama", architectures=["OwnModel"], auto_map=names)
    return folder


def write_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerBase) -> Path:
    tokenizer.save_pretrained(folder)
    (folder / "own_tokenizer.py").write_text(TOKENIZER)
    names = {"AutoTokenizer": [None, "own_tokenizer.OwnTokenizer"]}
    _say(folder / "tokenizer_config.json", tokenizer_class="OwnTokenizer", auto_map=names)
    return folder


def _say(path: Path, **said) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | said))

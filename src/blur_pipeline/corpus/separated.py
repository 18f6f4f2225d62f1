"""Cells between commas or tabs, held to the header: one cell too many would move all that follow it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from blur_pipeline.config.errors import BadInputError

LONGEST_CELL = 2**31 - 1
"""Characters: a document in one cell may have more than the 131072 that csv allows by itself."""


def separated_rows(path: Path, text: str, separator: str) -> list[tuple[int, dict[str, str]]]:
    """(line on which the record begins, its cells by the header's names) of every record but blank lines.

    Args:
        path: of the file that ``text`` was read from, for what is said of it.
        separator: a comma or a tab; a cell that holds it, or a line break, stands in quotation marks.

    Raises:
        BadInputError: there is no header, it names a column twice, a quotation mark is left open, or a record has
            more or fewer cells than the header.
    """
    records = _records(path, text, separator)
    line, header = next(records, (0, []))
    if not header:
        raise BadInputError(f"{path}: not valid CSV (No columns to parse from file).")
    names = _names(path, line, header, separator)
    rows = []
    for line, cells in records:
        if len(cells) != len(names):
            found, wanted = _count(len(cells), "cell"), _count(len(names), "column")
            raise BadInputError(
                f"{path}, line {line}: {found} where the header has {wanted}; "
                f'put a cell that holds a {"comma" if separator == "," else "tab"} into quotation marks ("…"), and '
                "leave no cell out."
            )
        rows.append((line, dict(zip(names, cells, strict=True))))
    return rows


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the physical line on which it begins; blank lines are none."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        for cells in reader:
            if len(cells) > 1 or any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise BadInputError(
            f"{path}: not valid CSV ({error}, in the record that begins on line {begins}); a quotation mark inside a "
            "cell is written twice, and the cell stands in quotation marks."
        ) from error


def _names(path: Path, line: int, header: list[str], separator: str) -> list[str]:
    """The header's names; a column without one, such as a table's row numbers, is given one that maps to nothing."""
    if separator == "," and len(header) == 1 and ";" in header[0]:
        raise BadInputError(
            f"{path}, line {line}: columns between semicolons; save it with commas, or as .tsv with tabs."
        )
    names = [name if name.strip() else f"Unnamed: {i}" for i, name in enumerate(header)]
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise BadInputError(f"{path}, line {line}: {times} columns are called '{name}'; give each a name of its own.")
    return names


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

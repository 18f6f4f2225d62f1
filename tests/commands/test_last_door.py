"""Causes outside the program become a sentence; defects of ours keep their traceback."""

import errno
import sqlite3

import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from blur_pipeline.commands.last_door import causes, sentence_of
from blur_pipeline.config.errors import BadInputError


class SafetensorError(Exception):
    """As safetensors calls its own."""


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "x", "data/a"), "data/a: No space left on device; free space"),
        (OSError(errno.EROFS, "x", "data/a"), "data/a: Read-only file system; make the place writable"),
        (PermissionError(errno.EACCES, "x", "data/a"), "data/a: Permission denied; mend the permissions"),
        (OSError("Error writing bytes. Detail: [errno 28] No space left"), "No space left on device; free space"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "No space left on device; free space"),
        (MemoryError("Unable to allocate 13.1 TiB"), "Out of memory (Unable to allocate 13.1 TiB); lower training"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "Out of memory"),
        (raised_from(RuntimeError("of Kedro"), BadInputError("x.jsonl, line 2: no")), "x.jsonl, line 2: no"),
        (raised_from(RuntimeError("of Kedro"), OSError(errno.ENOSPC, "x", "data/b")), "data/b: No space left"),
    ],
)
def test_a_cause_outside_is_a_sentence(error, words):
    said = sentence_of(error)
    assert words in said
    assert "\n" not in said


def raised(*, quietly: bool) -> Exception:
    """While another error was handled, of which a traceback tells unless the new one was raised ``from None``."""
    try:
        try:
            raise BadInputError("x.jsonl, line 2: no")
        except BadInputError as before:
            raise RuntimeError("a defect") from (None if quietly else before)
    except RuntimeError as error:
        return error


def test_what_an_error_says_it_did_not_come_from_is_not_its_cause():
    assert sentence_of(raised(quietly=False)) == "x.jsonl, line 2: no"
    assert sentence_of(raised(quietly=True)) is None


def test_errors_that_name_each_other_come_to_an_end():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert causes(one) == [one, other]


def test_a_campaigns_storage_that_fails_is_not_taken_for_mlflows():
    cause = OperationalError("INSERT INTO trials", {}, sqlite3.OperationalError("database or disk is full"))
    said = sentence_of(raised_from(StorageInternalError("An exception is raised during the commit."), cause))
    assert said.startswith("The campaign's storage failed ((sqlite3.OperationalError) database or disk is full); mend")
    assert "'storage'" in said
    assert "MLflow" not in said
    assert "INSERT" not in said


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyError("completion"), RuntimeError("size mismatch"), FileNotFoundError(errno.ENOENT, "x", "y")],
)
def test_a_defect_of_ours_is_none(error):
    assert sentence_of(error) is None

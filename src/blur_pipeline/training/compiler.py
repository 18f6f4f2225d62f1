"""Where torch keeps what it compiled: kernels that are run and graphs that are unpickled when they are met again."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

PLACE = "TORCHINDUCTOR_CACHE_DIR"


@cache
def keep_compiled_code_private() -> None:
    """In the user's own cache. Torch's default has a name that anyone can guess in a folder where anyone can write, and
    whose files these are it does not ask: on a shared machine another user's code would be run. A place that was chosen
    (``TORCHINDUCTOR_CACHE_DIR``) stays."""
    if PLACE not in os.environ:
        os.environ[PLACE] = str(_own() or tempfile.mkdtemp(prefix="compiled-"))


def _own() -> Path | None:
    """None where the user has no folder, or cannot write to it, or another one's lies in its place."""
    try:
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blur_pipeline" / "torchinductor"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.stat()
    except (OSError, RuntimeError):
        return None
    private = found.st_uid == os.getuid() and not found.st_mode & 0o022
    return place if private and os.access(place, os.W_OK) else None

"""What torch.compile needs on a machine, beside torch."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from blur_pipeline.config.errors import BadInputError

CPP, C = ("clang++" if sys.platform == "darwin" else "g++",), ("gcc", "clang")
"""What torch looks for, for a CPU, and Triton, for a GPU, where CXX and CC do not say."""


def require_compiler(on_gpu: bool) -> None:
    """Else it would be missed at the first step, in a traceback of torch's.

    Raises:
        BadInputError: there is no compiler, or no headers of Python, by which its kernels are called.
    """
    language, chosen, names = ("C", "CC", C) if on_gpu else ("C++", "CXX", CPP)
    named = os.environ.get(chosen)
    if not any(map(shutil.which, [named] if named else names)):
        raise BadInputError(
            f"Parameter 'training.compiled' needs a {language} compiler, and none is here; install {names[0]}."
        )
    headers = Path(sysconfig.get_path("include"))
    where = (headers, Path(sysconfig.get_path("include", "posix_prefix")))  # Debian's own Python names another first
    if not any((folder / "Python.h").is_file() for folder in where):
        raise BadInputError(
            f"Parameter 'training.compiled' needs Python's headers, and {headers} has no Python.h; install them "
            "(python3-dev)."
        )

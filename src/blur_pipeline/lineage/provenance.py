"""Where a result comes from: commit, code, machine, library versions."""

from __future__ import annotations

import functools
import os
import platform
import re
import shlex
import socket
import subprocess
from importlib.metadata import version
from pathlib import Path

import blur_pipeline
from blur_pipeline.lineage.content import Hasher, digest_of

PROGRAMS = ("kedro", "blur_pipeline")
TRACKED = ("src", "conf")
"""Folders of a project in which a file that git does not know makes a run another one."""
LIBRARIES = ("torch", "transformers", "peft", "datasets", "kedro", "mlflow")


@functools.cache
def facts(project: Path) -> dict[str, str]:
    """Short strings by name, for manifests, the report and as MLflow tags."""
    return {
        "git commit": git_commit(project),
        "blur_pipeline": f"{blur_pipeline.__version__}, code {code()}",
        "hardware": hardware(),
        "threads": threads(),
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def without_password(uri: str) -> str:
    """An address as it may be shown and kept: ``https://me:secret@host/x`` becomes ``https://…@host/x``.

    The host begins after the last ``@`` before a ``/``: one in the password must be written %2F.
    """
    return re.sub(r"//[^/\s]*@", "//…@", uri)


def typed(words: list[str]) -> str | None:
    """The command as it was given, from ``sys.argv``; None where it was none of ours, as in a notebook."""
    program = Path(words[0])
    as_module = program.name == "__main__.py"
    name = f"python -m {program.parent.name}" if as_module else program.name  # Kedro's own module says it so itself
    if name.removeprefix("python -m ") not in PROGRAMS:
        return None
    return without_password(f"{name} {shlex.join(words[1:])}")


def alike(one: str, other: str) -> bool:
    """Whether two commands say the same, in whatever order."""
    said = (re.sub(r"^.*? run\b", "", command).replace("'", "") for command in (one, other))
    return len({tuple(sorted(re.split(r"[\s,=]+", words))) for words in said}) == 1


def git_commit(project: Path) -> str:
    """The commit, with ``+changes`` where files differ from it, or code or settings are there that it has not.

    ``none`` outside a repository.
    """
    try:
        commit = _git(project, "rev-parse", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no")
        changed += _git(project, "ls-files", "--others", "--exclude-standard", "--", *TRACKED)
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return commit + (" +changes" if changed else "")


@functools.cache
def code() -> str:
    """SHA-256 over the names and hashes of the Python files of this package: its version where there is no commit."""
    package = Path(blur_pipeline.__file__).parent
    return digest_of({str(path.relative_to(package)): Hasher().file(path) for path in package.rglob("*.py")})


def hardware() -> str:
    """Processor, cores, memory, and the GPU where there is one."""
    import psutil
    import torch

    memory = psutil.virtual_memory().total / 2**30
    parts = [f"{_processor()}, {psutil.cpu_count(logical=True)} cores, {memory:.0f} GiB"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name(0))
    return "; ".join(parts)


def threads() -> str:
    """Threads of an operation of torch on the CPU: how sums are cut among them moves the last digits of a training."""
    import torch

    return str(torch.get_num_threads())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=True)
    return done.stdout.strip()

"""Where a result comes from: commit, machine, library versions, data versions."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

LIBRARIES = ("torch", "transformers", "peft", "datasets", "kedro", "mlflow")


def run_facts(project: Path, save_version: str | None) -> dict[str, str]:
    """Short strings by name, for the report and as MLflow tags."""
    return {
        "started": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": str(save_version),
        "git commit": git_commit(project),
        "hardware": hardware(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def git_commit(project: Path) -> str:
    """The commit, with ``+changes`` where files differ from it; ``none`` outside a repository."""
    try:
        commit = _git(project, "rev-parse", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return commit + (" +changes" if changed else "")


def hardware() -> str:
    """Processor, cores, memory, and the GPU where there is one."""
    import psutil
    import torch

    memory = psutil.virtual_memory().total / 2**30
    parts = [f"{_processor()}, {psutil.cpu_count(logical=True)} cores, {memory:.0f} GiB"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name(0))
    return "; ".join(parts)


def versions_read(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    """The version of every versioned dataset that the run reads and does not make itself."""
    read = {}
    for name in sorted(pipeline.inputs()):
        dataset = catalog.get(name)
        resolve = getattr(dataset, "resolve_load_version", None)
        if resolve is not None and dataset.exists():
            found = resolve()
            if found:
                read[name] = found
    return read


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

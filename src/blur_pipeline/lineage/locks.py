"""Two processes that need the same artefact: one makes it, the other waits and then uses it."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from blur_pipeline.lineage.identities import Identity

FOLDER = Path("data/.lineage/locks")
log = logging.getLogger(__name__)


class StageLocks:
    """Locks on stages by their identity, held by this process until released or ended, however it ends.

    Every process takes its locks in the order of the stages, parents first, and takes no more once it works: so no
    two can wait for each other.
    """

    def __init__(self, folder: Path = FOLDER, going_on: Callable[[str], None] = lambda what: None) -> None:
        """``going_on`` is told what this process is at while it waits, and when it goes on."""
        self.folder, self.going_on = folder, going_on
        self.held: dict[str, FileLock] = {}

    def take(self, identity: Identity) -> None:
        """Hold the stage; where another process does, say so and wait for it."""
        if identity.sha256 in self.held:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{identity.name}.lock"
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.warning("Waiting for %s: %s is making it", identity.name, self._holder(path))
            self.going_on(f"waiting for {identity.name}")
            lock.acquire()
            log.info("%s is free: going on", identity.name)
            self.going_on("looking at what is there now")
        self.held[identity.sha256] = lock
        _note(path).write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))

    def release(self, identity: Identity) -> None:
        """Give the stage up; nothing happens where it is not held."""
        lock = self.held.pop(identity.sha256, None)
        if lock is not None:
            lock.release()

    def release_all(self) -> None:
        """At the end of a run."""
        for lock in self.held.values():
            lock.release()
        self.held.clear()

    @staticmethod
    def _holder(path: Path) -> str:
        try:
            said = json.loads(_note(path).read_text())
            return f"process {said['pid']} on {said['host']}"
        except (OSError, ValueError, KeyError):
            return "another process"


def _note(path: Path) -> Path:
    """Who holds the lock; beside it, since a lock's own file is cut to nothing when it is taken."""
    return path.with_suffix(".json")

"""Signs of life: whether the process that works at a setting is still there.

On the same machine and disk a lock that ends with its process, however it ends; elsewhere what the storage hears of it.
"""

from __future__ import annotations

import logging
import socket
import uuid
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from blur_pipeline.config.errors import first_line

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

log = logging.getLogger(__name__)
FOLDER = Path("data/campaigns/processes")


class Process:
    """This process, as long as it lives; ``address`` is what others need to ask whether it does."""

    def __init__(self, folder: Path = FOLDER) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = (folder / f"{uuid.uuid4().hex}.lock").resolve()
        self._lock = FileLock(path, thread_local=False)
        self._lock.acquire(timeout=0)
        self.address = f"{socket.gethostname()}:{_mark(folder)}:{path}"

    def close(self) -> None:
        """It works at nothing more."""
        self._lock.release()
        Path(self.address.split(":", 2)[2]).unlink(missing_ok=True)


def is_dead(address: str) -> bool:
    """Whether a process of this machine and this disk has ended; of others nothing is known here.

    Containers may all be called localhost, and have the same path each on a disk of its own.
    """
    host, mark, path = (*address.split(":", 2), "", "")[:3]
    if host != socket.gethostname() or mark != _mark(Path(path).parent, make=False):
        return False
    if not Path(path).exists():
        return True
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    Path(path).unlink(missing_ok=True)
    return True


def _mark(folder: Path, make: bool = True) -> str | None:
    """What only this folder bears; None where it bears nothing. The number is of the disk: a copy has another."""
    place = folder / "folder.id"
    if make:
        with FileLock(folder / "folder.lock"):
            if not place.exists():
                place.write_text(uuid.uuid4().hex)
    try:
        return f"{place.read_text()}-{place.stat().st_ino}"
    except OSError:
        return None


class Heartbeat:
    """Tells the storage every few seconds that a trial is still worked at; where that fails, a few seconds later."""

    def __init__(self, storage: RDBStorage, trial_id: int) -> None:
        self.storage, self.trial_id, self.stop = storage, trial_id, Event()
        self.thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self.storage.record_heartbeat(self.trial_id)
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop.set()
        self.thread.join()

    def _beat(self) -> None:
        said = False
        while not self.stop.wait(self.storage.get_heartbeat_interval()):
            try:
                self.storage.record_heartbeat(self.trial_id)
            except Exception as error:  # of any driver; a thread that ended would leave the setting to others
                if not said:
                    log.warning("The campaign's storage was not told of a setting at work (%s)", first_line(error))
                said = True

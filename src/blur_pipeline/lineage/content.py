"""Hashes of what lies on disk: of files, and of folders with all that is in them."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGE = 2**20
"""Bytes from which on a file's hash is remembered; smaller ones are hashed each time."""
HUGE = 2**30
"""Bytes from which on it is said that a file is hashed: it takes a second or more."""
SETTLED_SECONDS = 2.0
"""A file that was written less long ago may be written again within the clock's grain: not remembered yet."""
REFERENCES = {"reference.json": "source", "saved_scores.json": None}
"""Files that stand in a model's folder instead of weights, and where in them the address is."""
SAFE = ".safetensors"
NOTES = {".md"}
"""Suffixes of files in a model's folder that no library reads."""
log = logging.getLogger(__name__)
WEIGHTS = {SAFE, ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack"}


def canonical(value: Any) -> str:
    """JSON that is the same for equal values: keys sorted, no white space, nothing that is not JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """SHA-256 over canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


@dataclass(frozen=True)
class Hasher:
    """Hashes files; those of large ones are remembered in ``memory`` by path, size and times.

    A remembered hash is used only while inode, size, time of change and of modification are what they were, so that
    a file edited or replaced in place is noticed. ``memory`` None remembers nothing.
    """

    memory: Path | None = None

    def file(self, path: Path) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        before = path.stat()
        if before.st_size < LARGE or self.memory is None:
            return _sha256(path)
        key = (str(path.resolve()), before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns)
        found = self._recall(key)
        if found is None:
            if before.st_size > HUGE:
                log.info("Hashing %s (%.1f GB), once", path, before.st_size / 1e9)
            found = _sha256(path)
            after = path.stat()
            settled = time.time() - max(after.st_mtime, after.st_ctime) > SETTLED_SECONDS
            if settled and (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns):
                self._remember(key, found)
        return found

    def tree(self, path: Path, leave_out: set[str] | None = None) -> str:
        """Of a file its hash; of a folder one over the names and hashes of all files in it, hidden ones aside.

        ``leave_out`` are suffixes of files that do not count.
        """
        if path.is_file():
            return self.file(path)
        return digest_of(self._files(path, leave_out))

    def artefact(self, path: Path) -> str:
        """What an artefact holds: of one that only refers to a model elsewhere, what lies there."""
        return self.held(path)[0]

    def held(self, path: Path) -> tuple[str, dict[str, str]]:
        """What an artefact holds, and by their names the hashes of the files of weights in it, each read once."""
        where = address_of(path)
        if where is not None and not Path(where).exists():
            return digest_of({"hub": where}), {}
        folder, leave_out = (path, None) if where is None else (Path(where), NOTES)
        if folder.is_file():
            return self.file(folder), {}
        listed = self._files(folder, leave_out)
        return digest_of(listed), {name: sha256 for name, sha256 in listed.items() if name.endswith(SAFE)}

    def _files(self, folder: Path, leave_out: set[str] | None) -> dict[str, str]:
        return {
            str(p.relative_to(folder)): self.file(p)
            for p in sorted(folder.rglob("*"))
            if p.is_file() and not _hidden(p.relative_to(folder)) and p.suffix not in (leave_out or ())
        }

    def _recall(self, key: tuple) -> str | None:
        if not self.memory.exists():
            return None
        with closing(self._open()) as store:
            query = "SELECT sha256 FROM hashes WHERE path=? AND inode=? AND size=? AND modified=? AND changed=?"
            row = store.execute(query, key).fetchone()
        return row[0] if row else None

    def _remember(self, key: tuple, sha256: str) -> None:
        self.memory.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as store, store:
            store.execute("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?)", (*key, sha256))

    def _open(self) -> sqlite3.Connection:
        store = sqlite3.connect(self.memory, timeout=60)  # several processes may come at once
        store.execute(
            "CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, inode INTEGER, size INTEGER, "
            "modified INTEGER, changed INTEGER, sha256 TEXT)"
        )
        return store


def address_of(artefact: Path) -> str | None:
    """Where the model lies that an artefact refers to, ``PATH`` or ``OWNER/NAME@COMMIT``; None for a model itself."""
    for name, key in REFERENCES.items():
        if (artefact / name).is_file():
            said = json.loads((artefact / name).read_text())
            if key is None:
                return said["folder"]
            return address(said[key]["path"], said[key].get("revision"))
    return None


def address(path: str, revision: str | None) -> str:
    """Of a folder its path; of a model of the hub also the commit."""
    return path if revision is None or Path(path).exists() else f"{path}@{revision}"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

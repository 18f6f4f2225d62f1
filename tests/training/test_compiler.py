"""Compiled code is run when it is met again: it lies where nobody else can put any."""

import os
import stat

import pytest
from torch._inductor.runtime.cache_dir_utils import cache_dir

from blur_pipeline.training import compiler


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Where torch keeps it, after it was asked to keep it private."""
    monkeypatch.setenv(compiler.PLACE, "")  # so that what is set is undone
    monkeypatch.delenv(compiler.PLACE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def ask():
        compiler.keep_compiled_code_private.cache_clear()
        compiler.keep_compiled_code_private()
        return cache_dir()

    yield ask
    compiler.keep_compiled_code_private.cache_clear()


def test_in_the_users_own_cache(place, tmp_path):
    assert place() == str(tmp_path / "cache/blur_pipeline/torchinductor")
    assert stat.S_IMODE(os.stat(place()).st_mode) == 0o700


def test_a_chosen_place_stays(place, monkeypatch, tmp_path):
    monkeypatch.setenv(compiler.PLACE, str(tmp_path / "chosen"))
    assert place() == str(tmp_path / "chosen")


@pytest.mark.parametrize("why", ["open to all", "no folder"])
def test_where_that_is_not_private_a_new_one_is(why, place, tmp_path, monkeypatch):
    own = tmp_path / "cache/blur_pipeline/torchinductor"
    if why == "open to all":
        own.mkdir(parents=True)
        own.chmod(0o777)
    else:
        (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(compiler.tempfile, "tempdir", str(tmp_path))
    assert os.path.dirname(found := place()) == str(tmp_path)
    assert stat.S_IMODE(os.stat(found).st_mode) == 0o700

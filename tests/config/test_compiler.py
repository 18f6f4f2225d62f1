"""Compiled layers are refused at the door where nothing can compile them."""

import sysconfig

import pytest

from blur_pipeline.config import compiler
from blur_pipeline.config.compiler import require_compiler
from blur_pipeline.config.errors import BadInputError


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No compiler is found; Python's headers are."""
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda name, scheme="": str(tmp_path))
    monkeypatch.setattr(compiler.shutil, "which", lambda name: None)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("on_gpu", "needed"), [(False, r"C\+\+ compiler.*; install \S+\+\+\.$"), (True, "C compiler.*gcc")]
)
def test_without_a_compiler(on_gpu, needed, bare):
    with pytest.raises(BadInputError, match=needed):
        require_compiler(on_gpu)


@pytest.mark.parametrize(("on_gpu", "variable"), [(False, "CXX"), (True, "CC")])
def test_one_that_is_named(on_gpu, variable, bare, monkeypatch):
    monkeypatch.setattr(compiler.shutil, "which", lambda name: name if name == "icx" else None)
    monkeypatch.setenv(variable, "icx")
    require_compiler(on_gpu)
    with pytest.raises(BadInputError):
        require_compiler(not on_gpu)


@pytest.mark.parametrize("on_gpu", [False, True])
def test_without_pythons_headers(on_gpu, bare, monkeypatch):
    monkeypatch.setattr(compiler.shutil, "which", lambda name: f"/usr/bin/{name}")
    require_compiler(on_gpu)
    (bare / "Python.h").unlink()
    with pytest.raises(BadInputError, match=r"has no Python\.h; install them"):
        require_compiler(on_gpu)

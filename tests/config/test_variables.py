"""A parameter may hold the environment variables that name places, and no others."""

import pytest

from blur_pipeline.config.variables import Variables


@pytest.mark.parametrize("name", ["HOME", "USER", "PWD", "TMPDIR", "SCRATCH", "DATA_DIR", "HF_HOME", "data_root"])
def test_a_place_may_stand_in_a_parameter(name, monkeypatch):
    monkeypatch.setenv(name, "/here")
    assert Variables()(name) == "/here"


@pytest.mark.parametrize("name", ["DB_PWD", "DB_USER", "HF_TOKEN", "PYTHONPATH", "DATADIR", "DIR_KEY"])
def test_what_only_looks_like_a_place_is_refused(name, monkeypatch):
    """``DB_PWD`` is a password, and a name without ``_`` before its last word may be one of anything."""
    monkeypatch.setenv(name, "hush-hush")
    variables = Variables()
    with pytest.raises(ValueError, match=f"'{name}'.* _DIR, _FOLDER, _HOME, _PATH, _ROOT or _SCRATCH"):
        variables(name)
    assert "hush" not in variables.refused

"""What is said of where a result comes from."""

import pytest

from blur_pipeline.lineage.provenance import without_password


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("https://me:secret@tracking.example/x", "https://…@tracking.example/x"),
        ("postgresql://me:se@host/db", "postgresql://…@host/db"),
    ],
)
def test_a_password_is_never_shown(uri, shown):
    assert without_password(uri) == shown

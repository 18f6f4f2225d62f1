"""What is said of where a result comes from."""

import pytest
import torch

from blur_pipeline.lineage.provenance import facts, without_password


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


def test_the_threads_of_torch_are_among_the_facts(tmp_path):
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            facts.cache_clear()
            assert facts(tmp_path)["threads"] == str(threads)
    finally:
        torch.set_num_threads(before)
        facts.cache_clear()

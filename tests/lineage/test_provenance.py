"""What is said of where a result comes from."""

import pytest
import torch

from blur_pipeline.lineage.provenance import alike, facts, typed, without_password


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["/opt/x/bin/kedro", "run", "--params", "a=0 1"], "kedro run --params 'a=0 1'"),
        (["python -m kedro", "run", "--env", "tofu"], "python -m kedro run --env tofu"),
        (["/x/blur_pipeline/__main__.py", "--config", "run.yml"], "python -m blur_pipeline --config run.yml"),
        (["kedro", "run", "--params", "x=https://me:hush@host/y"], "kedro run --params x=https://…@host/y"),
        (["/x/ipykernel_launcher.py", "-f", "x.json"], None),
    ],
)
def test_a_command_is_told_as_it_was_typed(words, said):
    assert typed(words) == said


def test_two_commands_are_alike_in_whatever_order():
    one = "python -m kedro run --env tofu --params a=1,b.c=2"
    assert alike(one, "kedro run --params b.c=2,a=1 --env tofu")
    assert not alike(one, "kedro run --params b.c=2,a=1")
    assert not alike(one, "kedro run --env tofu --params a=1,b.c=3")

"""What is said of where a result comes from."""

import subprocess

import pytest
import torch

import blur_pipeline
from blur_pipeline.lineage.provenance import alike, code, facts, git_commit, typed, without_password


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("https://me:secret@tracking.example/x", "https://…@tracking.example/x"),
        ("postgresql://me:se@host/db", "postgresql://…@host/db"),
        ("postgresql://me:p@ss@host/db", "postgresql://…@host/db"),
        ("postgresql://me:p@s#s?@host/db", "postgresql://…@host/db"),
        ("https://host/x and me@example.org", "https://host/x and me@example.org"),
        ("https://host:5000 and me@example.org", "https://host:5000 and me@example.org"),
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


def test_a_file_that_git_does_not_know_is_a_change_where_it_is_code_or_settings(tmp_path):
    """Notes and data are none, and neither is what git is told to leave alone."""
    me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    for folder in ("src", "conf", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".gitignore").write_text("conf/local\n*.pyc\n")
    for words in (("init", "-q"), ("add", "."), (*me, "commit", "-qm", "one")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "data" / "rows.csv").touch()
    (tmp_path / "src" / "module.pyc").touch()
    (tmp_path / "notes.md").touch()
    assert "+changes" not in git_commit(tmp_path)
    (tmp_path / "src" / "method.py").touch()
    assert git_commit(tmp_path).endswith(" +changes")
    (tmp_path / "src" / "method.py").rename(tmp_path / "conf" / "parameters.yml")
    assert git_commit(tmp_path).endswith(" +changes")


def test_without_git_the_code_has_a_version_all_the_same(tmp_path, monkeypatch):
    """Another for another byte, and for a file more."""
    package = tmp_path / "blur_pipeline"
    package.mkdir()
    (package / "__init__.py").write_text("one = 1\n")
    monkeypatch.setattr(blur_pipeline, "__file__", str(package / "__init__.py"))
    seen = []
    for name, text in (("__init__.py", "one = 1\n"), ("__init__.py", "one = 2\n"), ("more.py", "")):
        (package / name).write_text(text)
        code.cache_clear()
        seen.append(code())
    (package / "more.pyc").write_text("compiled")
    code.cache_clear()
    facts.cache_clear()
    said = facts(tmp_path)
    code.cache_clear()
    facts.cache_clear()
    assert said["git commit"] == "none"
    assert said["blur_pipeline"] == f"{blur_pipeline.__version__}, code {seen[-1]}"
    assert len(set(seen)) == 3


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

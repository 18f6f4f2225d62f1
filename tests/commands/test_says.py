"""What the commands say that only look: methods, environments, explain and the help of run."""

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from blur_pipeline.cli import cli
from blur_pipeline.commands import configuration, explain
from blur_pipeline.commands.run_help import HELP, options_of
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.config.sections import find
from blur_pipeline.pipeline_registry import register_pipelines
from tests.conf.test_environments import ENVIRONMENTS, METHODS
from tests.conftest import PROJECT


@pytest.fixture(scope="module", autouse=True)
def project_s_settings():
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(PROJECT)


@pytest.fixture(scope="module", autouse=True)
def read_once():
    """Each command asks for the configuration anew, a second each time; a loader keeps what it has resolved."""
    loader_of, kept = configuration.loader_of, {}

    def once(options):
        asked = str([options.get(name) for name in ("env", "params", "conf_source")])
        if asked not in kept:
            kept[asked] = loader_of(options)
        return kept[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configuration, "loader_of", once)
        yield


@pytest.fixture
def said(monkeypatch):
    """What a command prints at 80 columns, without an error."""
    monkeypatch.chdir(PROJECT / "docs")  # anywhere in the project
    monkeypatch.setenv("COLUMNS", "80")

    def ask(*arguments: str) -> str:
        done = CliRunner().invoke(cli, list(arguments))
        assert done.exit_code == 0, done.output
        return done.output

    return ask


def test_a_look_ahead_at_what_is_not_there_ends_in_a_sentence(monkeypatch):
    monkeypatch.chdir(PROJECT)
    done = CliRunner().invoke(cli, ["run", "--dry-run", "--to-outputs", "nosuch"])
    assert done.exit_code == 1
    assert "Error: Pipeline does not contain datasets named ['nosuch'] See `kedro registry describe`." in done.output


def test_every_method_is_one_line(said):
    lines = said("methods").splitlines()
    rows = {line.split()[0]: line for line in lines[: len(METHODS)]}
    assert sorted(rows) == METHODS
    assert all(len(line) <= 80 and len(line.split()) >= 4 for line in rows.values())
    assert rows["blur_npo"].split(maxsplit=1)[1] == "BLUR: NPO as the lower level, the retain loss as the upper"


def test_a_method_without_a_file_of_its_own_is_told_by_its_choices(said):
    [row] = [line for line in said("methods", "--env", "wmdp").splitlines() if line.startswith("seuf")]
    assert row.split(maxsplit=1)[1] == "npo + router_anchor, nll, scope seuf"


def test_every_environment_says_what_it_is_and_fits(said):
    text = said("environments")
    for name in ENVIRONMENTS:
        assert f"--env {name}\n  " in text or name == "base"
    assert "campaigns" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "  source_folder=path/to/tofu  files named" in text


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (
            "curation.max_length",
            (),
            ["above 8, at most 2^20", "default   512", "value     128", "data, and"],
        ),
        ("curation.max_length", ("--env", "tofu"), ["value     512", "stands in conf/tofu/parameters.yml"]),
        ("seed", ("--params", "seed=4"), ["value     4", "stands in --params", "curation.seed, models.seed"]),
        (
            "unlearning.methods.npo.forget.beta",
            (),
            ["(kind npo)", "value     0.1", "npo.yml", "unlearned, and"],
        ),
        ("unlearning.methods.rmu", (), ["value     forget.kind: rmu", "weighting", "how the two gradients become"]),
        ("models.base", (), ["kind fresh | pretrained", "kind pretrained: Any causal", "trust_remote_code"]),
        ("training.processes", (), ["decides   nothing that is made"]),
        ("gamma", (), ["end in 'gamma'", "unlearning.methods.NAME.weighting.gamma"]),
    ],
)
def test_a_parameter_is_explained(name, options, words, said):
    text = said("explain", name, *options)
    for word in words:
        assert word in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "words"), [("curation.max_lenght", "did you mean 'curation.max_length'?"), ("x.y", "docs/parameters.md")]
)
def test_an_unknown_parameter_is_one_sentence(name, words, monkeypatch):
    monkeypatch.chdir(PROJECT)
    done = CliRunner().invoke(cli, ["explain", name])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: There is no parameter '{name}'; ")
    assert words in done.stderr


def test_every_row_of_the_reference_decides_something_or_nothing():
    from blur_pipeline.lineage.stages import DECIDES

    assert explain.decides("unlearning.methods.npo.forget.beta") == "unlearned, and what is made of it"
    assert explain.decides("curation") == "data, lessons, questions, and what is made of it"
    assert all(explain.decides(name) for name in DECIDES)


def test_help_says_what_this_project_s_run_takes(said):
    text = said("run", "--help")
    for name in register_pipelines():
        assert name in text or name == "__default__"
    assert "--runner" not in text
    assert "--async" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_parameters_of_the_help_exist():
    block = HELP.split("Often asked for:")[1].split("kedro explain")[0]
    names = [line.split()[0] for line in block.splitlines() if line.strip() and line.strip() != "\b"]
    assert len(names) > 8
    for name in names:
        assert find(name, Parameters).parameters, name


def test_kedro_s_options_are_all_taken():
    from kedro.framework.cli.project import run as kedro_run

    ours = {option.name for option in options_of(kedro_run.params)}
    assert ours == {option.name for option in kedro_run.params} | {"dry_run"}
    assert all(isinstance(option, click.Option) for option in options_of(kedro_run.params))


def test_a_stream_without_a_letter_gets_a_question_mark():
    """Latin-1 knows no α and no ellipsis."""
    shown = subprocess.run(
        [sys.executable, "-m", "kedro", "explain", "unlearning.methods.rr.scope"],
        cwd=PROJECT, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert b"?: the adapters count ?/r times" in shown.stdout

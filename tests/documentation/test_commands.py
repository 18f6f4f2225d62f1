"""Every command on the pages is one that there is, and would get past the checks of its parameters."""

import atexit
import functools
import re
import shutil
import tempfile
import tomllib
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
import yaml
from kedro.framework.cli.cli import KedroCLI
from omegaconf import OmegaConf

from blur_pipeline.config.campaign import Campaign
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from blur_pipeline.pipeline_registry import register_pipelines
from blur_pipeline.settings import CONFIG_LOADER_ARGS
from tests import presets
from tests.conf.test_environments import METHODS
from tests.conftest import PROJECT
from tests.documentation.pages import PAGES, Block, blocks, commands

PLACEHOLDER = re.compile(r"…|\.\.\.|[A-Z][A-Z_]*")
"""A value that the reader is to give."""
READ_BY_YAML = ("variant", "source_folder", "data_from")
"""Parameters that files of conf/ look at while they are read."""
CHOSEN = {"blur_npo", "blur_rmu", "npo"}
"""Methods that nobody needs to name: those of the environments, and the one that stands for any."""
OF_THE_SHELL = {"rm", "cp", "export", "mkdir", "du", "sha256sum", "podman", "python3.11", "."}


@functools.cache
def command_line() -> KedroCLI:
    return KedroCLI(PROJECT)


@functools.cache
def known_pipelines() -> dict:
    return register_pipelines()


@pytest.fixture(scope="module")
def conf_of(tmp_path_factory):
    """The folder conf/ as a reader of a page has it: ``mine`` is a copy of own_data, with the page's YAML in it."""

    @functools.cache
    def made(page: Path) -> Path:
        conf = tmp_path_factory.mktemp(page.stem) / "conf"
        shutil.copytree(PROJECT / "conf", conf)
        presets.keep(conf, named(page.read_text()))
        shutil.copytree(conf / "own_data", conf / "mine")
        for block in blocks(page, "yaml"):
            write(block, conf)
        return conf

    return made


def named(text: str) -> set[str]:
    """The methods that a text may ask for."""
    return CHOSEN | (set(METHODS) & set(re.findall(r"\w+", text)))


@functools.cache
def shipped() -> Path:
    """The folder conf/ with the presets that some command names: with all it takes a second for each environment."""
    folder = Path(tempfile.mkdtemp(prefix="conf-of-pages-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    conf = shutil.copytree(PROJECT / "conf", folder / "conf")
    presets.keep(conf, named(" ".join(word for page in PAGES for words in commands(page) for word in words)))
    return conf


def write(block: Block, conf: Path) -> None:
    """Merge a block into the file that its first line names."""
    named = re.match(r"# conf/(\S+\.yml)\n", block.text)
    assert named, f"{block.page.name}: a YAML block begins with the file it belongs to, such as # conf/mine/globals.yml"
    file = conf / named[1]
    before = OmegaConf.load(file) if file.exists() else OmegaConf.create()
    OmegaConf.save(OmegaConf.merge(before, OmegaConf.create(block.text.replace("…", "yours"))), file)


@functools.cache
def resolved(conf: Path, env: str, asked: tuple[tuple[str, str], ...]) -> dict:
    loader = IdentifyingConfigLoader(str(conf), env=env, runtime_params=dict(asked), **CONFIG_LOADER_ARGS)
    return loader["parameters"]


def parameters(conf: Path, env: str, given: dict):
    """As ``kedro run`` checks them, but for what the reader is to give."""
    read = tuple((name, "here" if name == "source_folder" else given[name]) for name in READ_BY_YAML if name in given)
    raw = resolved(conf if env == "mine" else shipped(), env, read)
    method = given.get("method", raw["method"])
    if PLACEHOLDER.fullmatch(method):
        method = "npo"
    chosen = {"method": method, "unlearning": {"method": method}}
    try:  # what the reader is to give is a text here: of a path, as good as any
        return check_parameters(merged(merged(raw, _named(given, method)), chosen))
    except BadInputError as error:
        if "is unknown" in str(error):
            raise
        return check_parameters(merged(merged(raw, _named(given, method, known=True)), chosen))


def merged(one: dict, other: dict) -> dict:
    """As Kedro merges what the command line says into what files say."""
    both = {name for name in one.keys() & other.keys() if isinstance(one[name], dict) and isinstance(other[name], dict)}
    return {**one, **other, **{name: merged(one[name], other[name]) for name in both}}


def _named(given: dict, method: str, known: bool = False) -> dict:
    """With a method's name for M in unlearning.methods.M; ``known``: without what the reader is to give."""
    return {
        method if PLACEHOLDER.fullmatch(name) else name: _named(value, method, known)
        if isinstance(value, dict)
        else value
        for name, value in given.items()
        if not (known and PLACEHOLDER.fullmatch(str(value)))
    }


def parse(words: list[str]) -> tuple[str, dict]:
    """The command's name and its options, as click reads them; what it does not know is an error."""
    context = click.Context(command_line(), info_name="kedro")
    group, name, rest = command_line(), None, words
    while isinstance(group, click.Group | click.CommandCollection) and rest:
        name, group, rest = group.resolve_command(context, rest)
        context = click.Context(group, info_name=name, parent=context)
    bare = len(words) == 1  # a command that is only spoken of
    return name, group.make_context(name, list(rest), resilient_parsing=bare).params


def check_kedro(words: list[str], conf: Path) -> None:
    name, options = parse(words)
    if name != "run" or len(words) == 1:
        return
    pipelines = known_pipelines()
    asked = options["pipelines"] or ["__default__"]
    assert set(asked) <= pipelines.keys()
    nodes = {node.name for pipeline in asked for node in pipelines[pipeline].nodes}
    assert {*options["from_nodes"], *options["to_nodes"], *options["node_names"]} <= nodes
    parameters(conf, options["env"] or "base", options["params"])


def check_make(words: list[str], conf: Path) -> None:
    targets = re.findall(r"^([a-z0-9]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert set(words) <= set(targets)


def check_python(words: list[str], conf: Path) -> None:
    if words[0] == "-m":
        assert find_spec(words[1])
        return
    text = (PROJECT / words[0]).read_text() + "".join(p.read_text() for p in (PROJECT / "benchmarks").glob("*.py"))
    assert all(f'"{word}"' in text for word in words if word.startswith("--"))


def check_pytest(words: list[str], conf: Path) -> None:
    assert all((PROJECT / word).exists() for word in words if "/" in word)


def check_pip(words: list[str], conf: Path) -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = re.search(r"\[([\w,]+)\]", words[-1])
    assert set(asked[1].split(",")) <= extras.keys()
    assert words[1:3] == ["-c", "constraints.txt"]


def check_mlflow(words: list[str], conf: Path) -> None:
    from mlflow.cli import cli

    context = click.Context(cli, info_name="mlflow")
    group, rest = cli, words
    while isinstance(group, click.Group):
        _, group, rest = group.resolve_command(context, rest)
    group.make_context("mlflow", list(rest))


CHECKS = {
    "kedro": check_kedro,
    "make": check_make,
    "python": check_python,
    "pytest": check_pytest,
    "pip": check_pip,
    ".venv/bin/pip": check_pip,
    "mlflow": check_mlflow,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_commands(page, conf_of):
    conf = conf_of(page) if "conf/mine" in page.read_text() else PROJECT / "conf"
    for words in commands(page):
        if words[0] in CHECKS:
            CHECKS[words[0]](words[1:], conf)
        else:
            assert words[0] in OF_THE_SHELL, f"{page.name}: {' '.join(words)}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=lambda page: page.name)
def test_yaml_blocks_resolve(page, conf_of):
    """Those of an environment as its parameters, those of a campaign as a campaign."""
    conf = conf_of(page)
    for block in blocks(page, "yaml"):
        folder, file = re.match(r"# conf/(\w+)/(\S+)", block.text).groups()
        if folder == "campaigns":
            Campaign.model_validate(yaml.safe_load((conf / folder / file).read_text()))
        else:
            check_parameters(resolved(conf, folder, ()))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("kedro run --params trainning.precision=bf16", "trainning"),
        ("kedro run --params training.processes=0", "training.processes"),
        ("kedro run --params models.sead=…", "models.sead"),
        ("kedro run --env tofo", "tofo"),
        ("kedro run --pipelines methd", "methd"),
        ("kedro run --from-nodes nosuch", "nosuch"),
        ("kedro run --prams seed=0", "prams"),
        ("kedro linage data", "linage"),
        ("make everything", "everything"),
    ],
)
def test_a_command_that_is_wrong_is_found(words, message):
    command, *rest = words.split()
    with pytest.raises((ValueError, AssertionError, click.ClickException)) as caught:
        CHECKS[command](rest, PROJECT / "conf")
    assert message in str(caught.value)

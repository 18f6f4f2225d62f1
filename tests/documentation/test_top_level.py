"""What stands beside the sources: README, licence, citation, container file, picture, Makefile."""

import re
import shlex
import tomllib

import yaml

from tests.conftest import PROJECT
from tests.documentation.test_commands import check_kedro

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def read(name: str) -> str:
    return (PROJECT / name).read_text()


def instructions() -> list[tuple[str, str]]:
    """Of the container file: the word in capitals and the rest, lines joined, comments gone."""
    text = re.sub(r"^#.*\n", "", read("Containerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def test_readme_is_short_and_shows_one_picture():
    text = read("README.md")
    assert len(text.split()) < 900
    (picture,) = re.findall(r"!\[[^\]]{20,}\]\(([^)]+)\)", text)
    assert (PROJECT / picture).read_bytes().startswith(b"\x89PNG")
    assert (PROJECT / picture).stat().st_size < 150_000


def test_licence_citation_and_package_agree():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["license"] == PYPROJECT["license"] == "Apache-2.0"
    assert "Apache License" in read("LICENSE")
    assert citation["version"] == PYPROJECT["version"]
    assert f"## {PYPROJECT['version']}" in read("CHANGELOG.md") or "## Unreleased" in read("CHANGELOG.md")


def test_what_the_extras_name_is_pinned():
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in read("constraints.txt").splitlines()}
    named = [need for needs in PYPROJECT["optional-dependencies"].values() for need in needs]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[><=]", need)[0]).lower() for need in named}
    assert names - {"blur-pipeline"} <= pinned


def test_the_container_installs_what_the_makefile_installs():
    (install,) = re.findall(r'-c constraints\.txt -e "\S+"', read("Makefile").split("setup:")[1].split("\n\n")[1])
    (runs,) = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert install in runs
    assert install in read("README.md")


def test_both_variants_of_the_container_are_the_documented_ones():
    text = read("Containerfile")
    variants = set(re.findall(r"^ +(\w+)\) ", text, re.MULTILINE))
    assert variants == {"cpu", "cuda"}
    assert ("ARG", "VARIANT=cpu") in instructions()
    assert set(re.findall(r"--build-arg VARIANT=(\w+)", read("docs/installation.md"))) == variants


def test_what_the_container_copies_is_there_and_not_ignored():
    ignored = read(".dockerignore").splitlines()
    for word, rest in instructions():
        if word != "COPY":
            continue
        *sources, _ = [part for part in shlex.split(rest) if not part.startswith("--")]
        for source in sources:
            assert (PROJECT / source).exists()
            assert f"!{source.rstrip('/')}" in ignored


def test_the_container_runs_kedro():
    said = dict(instructions())
    assert yaml.safe_load(said["ENTRYPOINT"]) == ["kedro"]
    check_kedro(yaml.safe_load(said["CMD"]), PROJECT / "conf")
    for line in re.findall(r"blur_pipeline(?::cuda)? (run.*)", read("docs/installation.md")):
        check_kedro(shlex.split(line), PROJECT / "conf")

"""``kedro lineage``: what ``--check`` finds of what was removed or forged, and lines that are whole in a file."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from blur_pipeline.commands.lineage import show_lineage
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.lineage.manifest import manifest_path
from blur_pipeline.lineage.tree import WITHOUT_STAGE
from tests.conftest import PROJECT
from tests.lineage.making import make, path_of

FIRST, SECOND = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checked(capsys, place: str = "data") -> tuple[bool, str]:
    sound = show_lineage(place, check=True)
    return sound, capsys.readouterr().out


def test_what_is_as_it_was_made_passes(capsys):
    make("report", FIRST, "a page", make("model", FIRST, "weights"))
    sound, said = checked(capsys)
    assert sound
    assert "2 artefacts are as they were made.\n" in said


def test_a_page_that_is_gone_is_told_and_no_fault(capsys):
    """docs/cleaning_up.md lets anyone delete anything, and keep the manifests as a record."""
    page = path_of(make("report", FIRST, "a page", make("model", FIRST, "weights")))
    page.unlink()
    sound, said = checked(capsys)
    assert sound
    assert f"{page}: is gone; its manifest is still there." in said
    assert "1 artefacts are as they were made. 1 more cannot be checked: gone." in said
    assert f"{page}: is gone" in checked(capsys, str(page))[1]  # asked for by its own name


def test_what_a_page_was_made_of_may_be_gone_with_its_manifest(capsys):
    model = make("model", FIRST, "weights")
    make("report", FIRST, "a page", model)
    path_of(model).unlink()
    manifest_path(path_of(model)).unlink()
    sound, said = checked(capsys)
    assert sound
    assert f"{model.path}: is gone, and its manifest with it." in said


def test_a_page_without_a_manifest_is_a_fault(capsys):
    page = path_of(make("report", FIRST, "a page"))
    manifest_path(page).unlink()
    page.write_text("another page")
    for place in ("data", str(page)):
        sound, said = checked(capsys, place)
        assert not sound
        assert f"{page}: has no manifest" in said
    assert "as they were made" not in said


def test_an_older_version_that_was_forged_is_a_fault(capsys):
    old = path_of(make("report", FIRST, "a page"))
    make("report", SECOND, "a newer page")
    old.write_text("another page")
    sound, said = checked(capsys)
    assert not sound
    assert f"{old}: was changed after it was made" in said


def test_leaderboards_have_no_manifests_by_design(capsys):
    make("report", FIRST, "a page")
    for folder in ("comparison-0123abcd", "campaign-default-0123abcd"):
        page = Path(f"data/{folder}/page.html/{FIRST}/page.html")
        page.parent.mkdir(parents=True)
        page.write_text("a leaderboard")
    assert checked(capsys)[0]


def test_whatever_else_has_versions_belongs_to_a_stage():
    """Or ``--check`` would find fault with it for having no manifest."""
    entries = OmegaConf.merge(*(OmegaConf.load(file) for file in (PROJECT / "conf/base/catalog").glob("*.yml")))
    for name, entry in OmegaConf.to_container(entries, resolve=False).items():
        if not name.startswith("_") and entry.get("versioned") and "stage" not in entry.get("metadata", {}):
            place = entry["filepath"].split("${place:")[1].split("}")[0]
            assert WITHOUT_STAGE.fullmatch(f"{place.replace('campaign', 'campaign-x')}-0123abcd"), name


def test_nothing_at_a_place_is_bad_input():
    Path("data/empty").mkdir(parents=True)
    with pytest.raises(BadInputError, match="no artefact with a manifest is there"):
        show_lineage("data/empty", check=True)


def test_lines_are_whole_where_no_terminal_cuts_them(capsys):
    manifest = make("report", FIRST, "a page", make("model_with_a_name_that_makes_the_line_a_long_one", FIRST, "w"))
    show_lineage(manifest.path, check=False)
    said = capsys.readouterr().out
    assert said.count(f"MLflow run {manifest.made.mlflow_run[:8]}\n") == 2


def test_brackets_of_a_prompt_are_words_and_no_markup(capsys):
    """rich would take "[/INST]" for the end of something, and leave "[end]" out."""
    artefact = make("model", FIRST, "weights", suffix=" [/INST]", stop="[end]")
    assert show_lineage(str(path_of(artefact)), check=False)
    said = capsys.readouterr().out
    assert "  suffix:  [/INST]\n" in said
    assert "  stop: [end]\n" in said

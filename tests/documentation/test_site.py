"""The site builds strictly, holds every page, and loads nothing from elsewhere."""

import logging
import re
from pathlib import Path

import pytest
import yaml
from mkdocs.commands.build import build
from mkdocs.config import load_config

from tests.conftest import PROJECT

LOADED = re.compile(r"<(?:script|img|iframe|source|video)[^>]+src=[\"']?(?:https?:)?//|<link[^>]+href=[\"']?https?://")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Warnings are errors: a link or an anchor that leads nowhere, a page that the navigation lacks."""
    folder = tmp_path_factory.mktemp("site")
    logging.getLogger("mkdocs").setLevel(logging.WARNING)
    build(load_config(str(PROJECT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


def test_every_page_is_built_and_reached(site):
    pages = {str(path.relative_to(PROJECT / "docs")) for path in (PROJECT / "docs").rglob("*.md")}
    text = (PROJECT / "mkdocs.yml").read_text()
    assert set(_leaves(yaml.safe_load(text)["nav"])) == pages
    for page in pages:
        assert (site / page).with_suffix(".html").exists()


def _leaves(entries: list) -> list[str]:
    found = [value for entry in entries for value in entry.values()]
    return [leaf for value in found for leaf in (_leaves(value) if isinstance(value, list) else [value])]


def test_no_page_loads_anything_from_elsewhere(site):
    """No font, script, style sheet or picture: it opens on a machine without a network."""
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    assert {str(page): LOADED.findall(page.read_text()) for page in pages if LOADED.search(page.read_text())} == {}
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?https?://|@import", style.read_text()), style.name

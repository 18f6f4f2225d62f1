"""What the pages say of the presets: all of them, and nothing of others."""

import re

from tests.conf.test_environments import METHODS
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "methods.md").read_text()


def test_every_preset_has_its_row():
    rows = re.findall(r"^\| (\w+) \|", PAGE, re.MULTILINE)
    assert sorted(set(rows) - {"preset", "seuf"}) == METHODS


def test_links_between_pages_lead_somewhere():
    pages = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
    broken = []
    for page in pages:
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            if not (page.parent / link).exists():
                broken.append(f"{page.name}: {link}")
    assert broken == []

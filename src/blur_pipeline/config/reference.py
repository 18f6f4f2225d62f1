"""The page of all parameters: ``python -m blur_pipeline.config.reference > docs/parameters.md``."""

from __future__ import annotations

import re

from pydantic import BaseModel

from blur_pipeline.config.campaign import Campaign
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.config.sections import Parameter, Section, sections
from blur_pipeline.config.shapes import blocks_of

HEAD = """# Parameters

Written by `python -m blur_pipeline.config.reference > docs/parameters.md` from the typed parameters; a test holds it
to them. `kedro explain NAME` says the same of one, with its value in an environment and what it decides. In a name,
NAME and N stand for any name and any number. A default is that of the type: the embedded default (`conf/base`) and
the environments state others.
"""
CAMPAIGN = "A campaign's file"


def page() -> str:
    """In Markdown: a section for each block, in the order in which they stand in the parameters."""
    parts = [HEAD]
    for root, title in ((Parameters, "At the top"), (Campaign, CAMPAIGN)):
        found = sections(root)
        first = {section.block: section.name for section in found}
        parts += [_section(section, first, section.name or title) for section in found]
    return "\n".join(parts)


def _section(section: Section, first: dict[type[BaseModel], str], title: str) -> str:
    kind = f", kind {section.kind}" if section.kind else ""
    title = f"`{title}`" if section.name else title
    rows = [_row(section, p, first) for p in section.parameters if not (p.of and p.name.endswith(".kind"))]
    table = ["| parameter | what it is | takes | default |", "| --- | --- | --- | --- |", *rows, ""] if rows else []
    return "\n".join([f"## {title}{kind}\n", f"{_prose(section.says)}\n", *table])


def _row(section: Section, parameter: Parameter, first: dict[type[BaseModel], str]) -> str:
    name = parameter.name.removeprefix(f"{section.name}.")
    held = blocks_of(section.block.model_fields[name].annotation)
    elsewhere = {first[block] for between, block in held if first[block] != parameter.name + between}
    takes = parameter.type + "".join(f", as `{place}`" for place in sorted(elsewhere))
    default = "" if parameter.default == "{}" else f"`{parameter.default}`"
    return f"| `{name}` | {_cell(parameter.says)} | {_cell(takes)} | {_cell(default)} |"


def _prose(text: str) -> str:
    """Docstrings write code between two backticks."""
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", _prose(text)).replace("\n", " ")


if __name__ == "__main__":
    print(page(), end="")

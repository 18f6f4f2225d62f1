"""``kedro explain PARAMETER``: what it is, what it takes, its value in an environment and what it decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.names import instead

if TYPE_CHECKING:
    from pydantic import BaseModel

    from blur_pipeline.config.sections import Parameter

THROUGH = {
    "method": "what unlearning.method does",
    "seed": "what curation.seed, models.seed and unlearning.seed do, where these are not given",
    **dict.fromkeys(("variant", "source_folder", "data_from"), "which sources an environment takes, and by them data"),
}
"""Parameters that decide by what is made of them."""
SHORT = 24
"""Values of a block that are shown."""
LAST = 12
"""Parameters that are listed where a last word alone was given."""


def says(name: str, options: dict[str, Any]) -> str:
    """In lines.

    Raises:
        BadInputError: there is no such parameter; names the nearest.
    """
    from blur_pipeline.commands.configuration import loader_of
    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.config.sections import find

    loader = loader_of(options)
    raw = loader["parameters"]
    found = find(name, Parameters, raw)
    if not found.parameters and not found.blocks:
        return _with_this_last_word(name)
    value = _value(name, raw)
    parts = [_parameter(name, parameter) for parameter in found.parameters] or [f"{name}"]
    parts += _shown(value)
    parts += [f"  stands in {place}" for place in _places(name, loader, options)]
    parts += [f"  decides   {decides(name)}"]
    return "\n".join(parts + _below(found.blocks, value))


def _with_this_last_word(name: str) -> str:
    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.config.sections import sections

    known = [parameter for section in sections(Parameters) for parameter in section.parameters]
    same = [p for p in known if p.name.endswith(f".{name}")]
    if not same:
        near = instead(name, {p.name for p in known}, "all are in docs/parameters.md.")
        raise BadInputError(f"There is no parameter '{name}'; {near}")
    shown = [_line(p.name, f"{p.of + ': ' if p.of else ''}{p.says}") for p in same[:LAST]]
    more = [f"and {len(same) - LAST} more, in docs/parameters.md"] if len(same) > LAST else []
    return "\n".join([f"Several parameters end in '{name}':", *shown, *more])


def _parameter(name: str, parameter: Parameter) -> str:
    of = f"  (kind {parameter.of})" if parameter.of else ""
    lines = [f"{name}{of}", f"  {_plain(parameter.says)}", f"  takes     {parameter.type}"]
    return "\n".join([*lines, f"  default   {parameter.default}"])


def _value(name: str, raw: Any) -> Any:
    """Of a run with these options, as YAML has it; None where nothing stands there."""
    for word in name.split("."):
        if isinstance(raw, dict) and word in raw:
            raw = raw[word]
        elif isinstance(raw, list) and word.isdigit() and int(word) < len(raw):
            raw = raw[int(word)]
        else:
            return None
    return raw


def _shown(value: Any) -> list[str]:
    """A short block line by line, by the names below it; a long one not at all."""
    from blur_pipeline.config.flat import flatten
    from blur_pipeline.config.shapes import in_yaml

    if value is None:
        return []
    if not isinstance(value, dict):
        return [f"  value     {in_yaml(value)}"]
    flat = flatten(value)
    return [f"  value     {part}: {in_yaml(held)}" for part, held in flat.items()] if len(flat) <= SHORT else []


def _places(name: str, loader: Any, options: dict[str, Any]) -> list[str]:
    """Where the value stands: on the command line, or in the files of the environment, or in those of conf/base."""
    if _holds(options.get("params") or {}, name):
        return ["--params"]
    base, environment = loader._read_raw_config("parameters")[:2]
    for files in (environment, base):
        from omegaconf import OmegaConf

        holding = [f for f, tree in files.items() if _holds(OmegaConf.to_container(tree, resolve=False), name)]
        if holding:
            return [str(Path(file).relative_to(Path.cwd()) if Path(file).is_relative_to(Path.cwd()) else file)
                    for file in holding]  # fmt: skip
    return []


def _holds(tree: Any, name: str) -> bool:
    for word in name.split("."):
        if not isinstance(tree, dict) or word not in tree:
            return False
        tree = tree[word]
    return True


def decides(name: str) -> str:
    """The stages that a change of it remakes, with all that is made of them."""
    from blur_pipeline.lineage.stages import DECIDES

    if name in THROUGH:
        return THROUGH[name]
    of = [row for row in DECIDES if name == row or name.startswith(f"{row}.")]
    below = [row for row in DECIDES if row.startswith(f"{name}.")]
    stages = dict.fromkeys(stage for row in of or below for stage in DECIDES[row])
    return f"{', '.join(stages)}, and what is made of it" if stages else "nothing that is made"


def _below(blocks: list[type[BaseModel]], value: Any) -> list[str]:
    """What a block holds, by kind where there are several; of blocks without a kind the one that the value is."""
    from blur_pipeline.config.sections import first_paragraph, parameters_of
    from blur_pipeline.config.shapes import kind_of

    lines: list[str] = []
    fitting = [
        b for b in blocks if isinstance(value, dict) and not kind_of(b) and value.keys() <= b.model_fields.keys()
    ]
    for block in fitting if len(fitting) == 1 else blocks:
        kind = kind_of(block)
        if len(blocks) > LAST:  # as many losses: what each is, and no more
            lines.append(_line(kind, first_paragraph(block)))
            continue
        lines += ["", f"{'kind ' + kind if kind else 'holds'}: {_plain(first_paragraph(block))}"]
        lines += [_line(p.name, p.says) for p in parameters_of(block) if p.name != "kind" or not kind]
    return lines


def _line(name: str, says: str) -> str:
    return f"  {name:<24} {_plain(says)}"


def _plain(text: str) -> str:
    """Docstrings write code between two backticks."""
    return text.replace("``", "").replace("\\|", "|")

"""What is wrong with a YAML file of conf/, in one sentence: Kedro's loader often does not even name the file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from blur_pipeline.config.errors import first_line


def what_is_wrong(files: Iterable[Path]) -> str | None:
    """The first file that cannot be read as a mapping of names, with the line; None where all can."""
    return next((said for path in sorted(files) if (said := _wrong(path)) is not None), None)


def _wrong(path: Path) -> str | None:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); mend its permissions."
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return f"{path}, line {line}: not UTF-8; save the file in that encoding."
    try:
        tree = yaml.load(text, Loader=_Strict)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        return f"{path}{line}: not valid YAML ({error.problem or first_line(error)}); mend that line."
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        return f"{path}, line {line}: a character that YAML does not allow (number {error.character}); delete it."
    except RecursionError:
        return f"{path}: nested too deeply for YAML; mend the file."
    except ValueError as error:  # of a date or a number that there is not
        return f"{path}: a value that YAML cannot read ({error}); put it between quotes."
    if tree is None:
        return None
    if not isinstance(tree, dict):
        return f"{path}: a {type(tree).__name__} at the top; expected names with values, like 'seed: 0'."
    if odd := next((key for key in tree if not isinstance(key, str)), None):
        return f"{path}: the name '{odd}' at the top is no text; put it between quotes or mend it."
    return None


def where_kinds_differ(one: Any, other: Any, name: str = "") -> str | None:
    """The first dotted name under which one tree has a list and the other a mapping: such do not merge."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = [key for key in one if key in other]
        found = (where_kinds_differ(one[key], other[key], f"{name}.{key}".lstrip(".")) for key in shared)
        return next((said for said in found if said is not None), None)
    kinds = {type(one), type(other)}
    return name if kinds == {dict, list} else None


class _Strict(yaml.SafeLoader):
    """Like OmegaConf's: a name that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

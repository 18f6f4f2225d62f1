"""What a run names on the command line: pipelines, nodes and tags, each of which must exist."""

from __future__ import annotations

from typing import Any

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.names import instead

WHOLE = "__default__"
DESCRIBED = "see `kedro registry describe`."


def known_pipelines(options: dict[str, Any]) -> set[str]:
    """The pipelines that ``options`` ask for: the whole protocol where they name none.

    Raises:
        BadInputError: there is no such pipeline, or none of its nodes has the name or the tag that is asked for.
            Kedro passes over a tag that no node has.
    """
    from kedro.framework.project import pipelines

    asked = _asked(options) or [WHOLE]
    for name in asked:
        if name not in pipelines:
            raise BadInputError(f"There is no pipeline '{name}'; {instead(name, list(pipelines))}")
    nodes = [node for name in asked for node in pipelines[name].nodes]
    names = {node.name for node in nodes}
    for option in ("node_names", "from_nodes", "to_nodes"):
        for name in options.get(option) or ():
            if name not in names:
                raise BadInputError(f"There is no node '{name}'; {instead(name, names, DESCRIBED)}")
    tags = {tag for node in nodes for tag in node.tags}
    for tag in options.get("tags") or ():
        if tag not in tags:
            raise BadInputError(f"There is no tag '{tag}'; {instead(tag, tags)}")
    return set(asked)


def _asked(options: dict[str, Any]) -> list[str]:
    """The pipelines by name; Kedro has an option for one beside that for several."""
    return [*(options.get("pipelines") or []), *([options["pipeline"]] if options.get("pipeline") else [])]

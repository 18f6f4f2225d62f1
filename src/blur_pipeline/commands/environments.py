"""``kedro environments``: what each folder of conf/ is a configuration of, and what it needs."""

from __future__ import annotations

from pathlib import Path

from blur_pipeline.config.environments import embedded_default, environments


def says() -> str:
    """One after the other, each with the comment that its parameters begin with."""
    from blur_pipeline.commands.configuration import loader_of

    conf = Path(loader_of({}).conf_source)
    found = {"": embedded_default(conf)} | environments(conf)
    parts = []
    for name, said in found.items():
        lines = said.splitlines() or ["(its parameters.yml begins without a comment)"]
        head = f"kedro run --env {name}" if name else "kedro run"
        parts.append("\n".join([head, *(f"  {line}".rstrip() for line in lines)]))
    return "\n\n".join(parts)

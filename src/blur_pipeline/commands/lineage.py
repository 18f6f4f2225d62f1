"""``kedro lineage``: what made an artefact, a folder's artefacts or an MLflow run's, and whether they are unchanged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.flat import flatten
from blur_pipeline.lineage.manifest import NAME, Manifest, manifest_path, read_manifest
from blur_pipeline.lineage.tree import Link, ancestry, every_version, faults, find_artefacts, gone

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

OF_A_RUN = ("report_html", "seed_table", "unlearned_model", "target_model")
"""Where the tree of an MLflow run begins: the first of these that it made or found."""


def show_lineage(place: str, check: bool, data: Path = Path("data")) -> bool:
    """Print the tree of what made ``place``; with ``check`` hash every version of it again. Whether nothing is wrong.

    Raises:
        BadInputError: there is no artefact at ``place``, and it is no MLflow run with any.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else sys.maxsize  # a terminal cuts lines, a file has them whole
    console = Console(soft_wrap=True, highlight=False, width=width)
    path = Path(place)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    if path.exists() or manifest_path(path).is_file():
        artefacts = every_version(path) if check else find_artefacts(path)
    else:
        artefacts = _of_run(place, data)
    if not artefacts:
        raise BadInputError(
            f"{place}: no artefact with a manifest is there; give a path in data/, a model's folder or the id of an "
            "MLflow run."
        )
    everything = []
    for artefact in artefacts:
        manifest = read_manifest(artefact)
        links = list(ancestry(artefact, manifest.dataset if manifest else artefact.name))
        everything += links
        console.print(_tree(links))
        if manifest:
            console.print(_words(manifest), markup=False)
    return _checked(everything, console) if check else True


def _checked(links: list[Link], console: Console) -> bool:
    """Print what is gone and what is wrong; whether nothing is wrong."""
    from rich.markup import escape

    removed, wrong = gone(links), faults(links)
    for sentence in removed:
        console.print(f"[yellow]–[/yellow] {escape(sentence)}")
    for sentence in wrong:
        console.print(f"[red]✗[/red] {escape(sentence)}")
    if not wrong:
        there = len({link.path for link in links}) - len(removed)
        told = f" {len(removed)} more cannot be checked: gone." if removed else ""
        console.print(f"[green]✓[/green] {there} artefacts are as they were made.{told}")
    return not wrong


def _of_run(run_id: str, data: Path) -> list[Path]:
    """The artefact that a run ended with, whether it made it or found it made."""
    import mlflow
    from mlflow.exceptions import MlflowException

    found = [m for p in sorted(data.rglob(NAME)) if (m := read_manifest(p.parent / p.parent.parent.name)) is not None]
    try:
        tags = mlflow.get_run(run_id).data.tags
    except MlflowException:
        tags = {}
    identities = {value for name, value in tags.items() if name.startswith("identity.")}
    made = [m for m in found if m.made.mlflow_run == run_id]
    for candidates in (made, [m for m in found if m.identity in identities]):
        for dataset in OF_A_RUN:
            of_it = [m for m in candidates if m.dataset == dataset]
            if of_it:
                return [Path(max(of_it, key=lambda m: m.version).path)]
    return []


def _tree(links: list[Link]) -> Tree:
    from rich.tree import Tree

    root, *rest = links
    tree = Tree(_line(root))
    branches = [tree]
    for link in rest:
        del branches[link.depth :]
        branches.append(branches[-1].add(_line(link)))
    return tree


def _line(link: Link) -> str:
    from rich.markup import escape

    if link.manifest is None:
        how = "without a manifest that can be read" if link.path.exists() else "gone"
        return f"[bold]{link.name}[/bold]  [red]{how}[/red]: {escape(str(link.path))}"
    if link.shown_before:
        return f"{link.name} [dim](see above)[/dim]"
    made = link.manifest.made
    return (
        f"[bold]{link.name}[/bold]  {link.manifest.name}  [dim]{made.finished[:16]}, {made.seconds} s, "
        f"commit {made.facts['git commit'][:8]}, MLflow run {(made.mlflow_run or 'none')[:8]}[/dim]"
    )


def _words(manifest: Manifest) -> str:
    said = flatten(manifest.made_of["decided_by"])
    decided = "\n".join(f"  {name}: {value}" for name, value in said.items())
    return (
        f"path:     {manifest.path}\ncontent:  sha256 {manifest.content}, {manifest.bytes} bytes\n"
        f"made by:  {manifest.made.command}\n          on {manifest.made.facts['hardware']}\n"
        f"again by: {manifest.made.again}\n" + (f"decided by, besides its parents:\n{decided}" if decided else "")
    )

"""``kedro run --dry-run``: what a run would make, what it would find, and at what cost."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.commands.configuration import loader_of
from blur_pipeline.commands.last_door import of_kedro
from blur_pipeline.commands.named import known_pipelines
from blur_pipeline.commands.runs import WHOLE, with_parameter
from blur_pipeline.commands.seeds import require_several
from blur_pipeline.commands.shadows import of_seed, require_trained
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.console.pace import TYPICAL
from blur_pipeline.console.wrap import lasted

if TYPE_CHECKING:
    from kedro.pipeline.node import Node

    from blur_pipeline.config.parameters import Parameters
    from blur_pipeline.hooks.artefacts import Artefacts
    from blur_pipeline.lineage.costs import Costs

DATA = Path("data")
MADE, FOUND = "make", "found"
NARROWING = ("tags", "from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")


@dataclass(frozen=True)
class Cost:
    """Of the nodes to run: seconds and bytes as they were in earlier runs here, and which nodes nothing tells of."""

    seconds: float
    bytes: int
    unknown: list[str] = field(default_factory=list)

    def __add__(self, other: Cost) -> Cost:
        unknown = list(dict.fromkeys([*self.unknown, *other.unknown]))
        return Cost(self.seconds + other.seconds, self.bytes + other.bytes, unknown)

    def __str__(self) -> str:
        names = ", ".join(dict.fromkeys(name.rpartition(".")[2] for name in self.unknown))
        time = f"{lasted(self.seconds)}, as these nodes took in earlier runs here"
        if self.unknown:
            time = f"nobody knows: nothing like {names} was made here before"
            time += f"; the other nodes took {lasted(self.seconds)}" if self.seconds >= 1 else ""
        free = shutil.disk_usage(DATA if DATA.is_dir() else Path.cwd()).free
        disk = f"{_size(self.bytes)}, as it was in earlier runs" if self.bytes or not self.unknown else "nobody knows"
        return f"Time: {time}.\nDisk: {disk}; {_size(free)} are free."


def says(options: dict[str, Any]) -> str:
    """In lines; the checks at the door are made, and nothing else is.

    Raises:
        BadInputError: the run would be refused.
    """
    from blur_pipeline.config.parameters import check_parameters

    asked = known_pipelines(options)
    parameters = check_parameters(loader_of(options)["parameters"])
    if "campaign" in asked:
        return _campaign(options)
    parts, cost, before = [], Cost(0.0, 0), set()
    for title, each in _runs(options, asked, parameters):
        looked = _look(each, before)
        cost += looked.cost
        parts.append("\n".join(filter(None, [title, *looked.rows(whole=not title), looked.to_do])))
        before |= looked.making
    return "\n\n".join([*parts, f"{cost}\nNothing was made."])


def _runs(options: dict[str, Any], asked: set[str], parameters: Parameters) -> Iterable[tuple[str, dict[str, Any]]]:
    """The runs that one command does, with a title where there are several."""
    for seed in parameters.models.further_seeds if asked & {"__default__", "evaluation", "seeds"} else ():
        alone = with_parameter({**options, **WHOLE}, "models.retrained.seeds", 1)
        alone["params"].pop("fresh", None)  # which does not make these anew
        alone["to_outputs"] = ["retrained.token_scores"]
        yield f"Retrained model of seed {seed}:", with_parameter(alone, "models.seed", seed)
    for seed in require_several(parameters) if "seeds" in asked else ():
        yield f"Seed {seed}:", with_parameter({**options, **WHOLE}, "unlearning.seed", seed)
    for seed in require_trained(parameters) if "shadows" in asked else ():
        yield f"Shadow models of seed {seed}:", of_seed(options, seed)
    if not asked & {"seeds", "shadows"}:
        yield "", options


@dataclass(frozen=True)
class Looked:
    """A run that was looked at; ``before`` are identities of what the runs before it will have made."""

    artefacts: Artefacts
    parameters: Parameters
    costs: Costs
    before: frozenset[str]

    @property
    def nodes(self) -> list[Node]:
        """Those that would run."""
        return [node for node in self.artefacts.nodes() if not self._by_then(node)]

    @property
    def making(self) -> set[str]:
        """The identities of what would be made."""
        stages = {self.artefacts.stage_of.get(name) for node in self.nodes for name in node.outputs} - {None}
        return {self.artefacts.identities[stage].sha256 for stage in stages}

    @property
    def cost(self) -> Cost:
        """As it was in earlier runs."""
        names, expected = [node.name for node in self.nodes], self.costs.expected(self.parameters)
        unknown = [name for name in names if name.rpartition(".")[2] in TYPICAL and name not in expected]
        sizes = sum(self.costs.bytes.get(name, 0) for node in self.nodes for name in node.outputs)
        return Cost(sum(expected.get(name, 0.0) for name in names), sizes, unknown)

    @property
    def to_do(self) -> str:
        """How many nodes, and how long the trainings among them are."""
        from blur_pipeline.lineage.costs import trainings

        running = {node.name.rpartition(".")[2] for node in self.nodes}
        epochs = [f"{node} {count:g} epochs" for node, count in trainings(self.parameters).items() if node in running]
        told = f" ({', '.join(epochs)})" if epochs else ""
        return f"To do: {len(self.nodes) or 'none'} of {len(self.artefacts.pipeline.nodes)} nodes{told}."

    def rows(self, whole: bool) -> list[str]:
        """One a stage: whether it would be made, its name, what it took and weighed; ``whole``: what is found too."""
        expected, rows = self.costs.expected(self.parameters), []
        for stage in self.artefacts.stages(self.artefacts.stage_of):
            of_it = {name for name, of in self.artefacts.stage_of.items() if of == stage}
            running = [node for node in self.nodes if set(node.outputs) & of_it]
            if not running and not whole:
                continue
            seconds = sum(expected.get(node.name, 0.0) for node in running)
            size = sum(self.costs.bytes.get(name, 0) for name in of_it)
            row = f"  {stage:<20} {MADE if running else FOUND:<6} {self.artefacts.identities[stage].name:<30}"
            rows.append(f"{row} {lasted(seconds) if seconds else '':>7} {_size(size) if size else '':>8}".rstrip())
        return rows

    def _by_then(self, node: Node) -> bool:
        stages = [self.artefacts.stage_of.get(name) for name in node.outputs]
        return all(stage and self.artefacts.identities[stage].sha256 in self.before for stage in stages)


def _look(options: dict[str, Any], before: set[str]) -> Looked:
    """What is there and what is not, after the checks at the door."""
    from kedro.framework.project import pipelines
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

    from blur_pipeline.config.door import preflight, require_inputs
    from blur_pipeline.config.parameters import check_parameters
    from blur_pipeline.hooks.artefacts import Artefacts
    from blur_pipeline.hooks.lineage import addresses
    from blur_pipeline.lineage.costs import costs_of

    loader = loader_of(options)
    parameters = check_parameters(loader["parameters"])
    chosen = {name: options.get(name) or None for name in NARROWING}
    pipeline = sum((pipelines[name] for name in known_pipelines(options)), Pipeline([]))
    try:
        pipeline = pipeline.filter(**chosen, node_namespaces=options.get("namespaces") or None)
    except ValueError as error:
        if said := of_kedro(error):
            raise BadInputError(said) from error
        raise
    preflight(parameters, DATA, pipeline.all_outputs())
    identities, catalog = loader.identities(), DataCatalog.from_config(loader["catalog"])
    versions, elsewhere = options.get("load_versions") or {}, addresses(parameters)
    artefacts = Artefacts(identities, catalog, pipeline, "dry-run", versions, parameters.fresh, elsewhere)
    artefacts.look()
    if not before:
        require_inputs(artefacts.missing_inputs())
    return Looked(artefacts, parameters, costs_of(DATA, identities.place, identities.chosen_attacks), frozenset(before))


def _campaign(options: dict[str, Any]) -> str:
    """How many runs at most: what each would make depends on what is chosen before it."""
    from blur_pipeline.campaign.plan import plan_of, require_sense
    from blur_pipeline.config.parameters import check_parameters

    loader = loader_of(options)
    raw = loader["parameters"]
    plan = plan_of(check_parameters(raw), loader.identities().group)
    require_sense(plan, raw)
    campaign, methods = plan.campaign, plan.ranges
    tried = sum(plan.budget(method) for method in methods) * len(campaign.seeds)
    return (
        f"Campaign {plan.name}: {len(methods)} methods, at most {tried} runs that choose (seeds "
        f"{', '.join(map(str, campaign.seeds))}) and {len(methods) * len(campaign.reported)} that are reported (seeds "
        f"{', '.join(map(str, campaign.reported))}): those up to the metrics, these the whole protocol, from the "
        "second on without target and retrained model. What was tried before is not tried again.\nNothing was made."
    )


def _size(count: int) -> str:
    if count < 1e5:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"

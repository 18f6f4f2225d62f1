"""What ``kedro run --help`` says of this project's run."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import click

HELP = """Make what is missing of the protocol, and say where the rest was found.

\b
kedro run                               the default method
kedro run --params method=npo           another one; kedro methods lists them
kedro run --env own_data                your files; kedro environments
kedro run --pipelines seeds --params "unlearning.seeds=0 1 2"
kedro run --pipelines shadows           can unlearned be told from retrained?
kedro run --pipelines comparison        a leaderboard of what was run
kedro run --pipelines campaign          which method for this model and data?
kedro run --dry-run                     what would be made, and what it costs

curation, target, unlearning, evaluation, stress and reporting are the parts of the protocol; a part alone needs what
the parts before it have left. seeds does the protocol once for each seed of the unlearning, shadows once for each seed
of the trainings as far as the scores.

Parameters are given by their dotted names. Often asked for:

\b
method                        the method, by its preset's name
seed                          of data, target and unlearning
fresh                         make everything anew
device                        cpu, cuda or auto
unlearning.schedule.epochs    how long to unlearn
training.precision            fp32, bf16_autocast or bf16
training.micro_batch_size     sequences in memory at once
training.processes            GPUs, or processes of the CPU
source_folder                 where a benchmark's files are
models.target.kind            train the target model, or take a given one
reporting.register_model      copy, reference or none

kedro explain NAME says what one is and what it takes; all are in docs/parameters.md. A run that is stopped goes on with
the same command.
"""
SAYS = {
    "params": "Parameters by their dotted names, as name=value,name=value; quotes around values with spaces.",
    "env": "The environment: a folder of conf/ (kedro environments).",
    "pipelines": "Parts of the protocol, or seeds, shadows, comparison, campaign; without it the whole protocol.",
    "to_outputs": "Make these datasets and what they need, such as target_model.",
    "load_versions": "Read a certain version of an artefact, as name:version; else the one with today's parameters.",
    "conf_source": "The folder of configuration, where it is not conf/.",
}
HIDDEN = ("runner", "is_async", "runner_params", "only_missing_outputs", "pipeline", "namespaces", "config")
"""Options of Kedro's that mean nothing here, or are another name: accepted as ever, and not shown."""
DRY_RUN = click.Option(
    ["--dry-run"], is_flag=True, help="Make nothing: show what would be made, what was found, and what it costs."
)


def options_of(kedro_s: Sequence[click.Parameter]) -> list[click.Parameter]:
    """Kedro's options as this project means them, those first that are asked for most, and ``--dry-run``."""
    options = {option.name: copy.copy(option) for option in kedro_s}
    for name, option in options.items():
        option.help = SAYS.get(name, option.help)
        option.hidden = name in HIDDEN
    first = ("params", "env", "pipelines")
    rest = [option for name, option in options.items() if name not in first]
    return [*(options[name] for name in first), DRY_RUN, *rest]

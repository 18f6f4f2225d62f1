"""A campaign's tables: what was tried, what was chosen and how that does elsewhere, and the settings to copy."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import yaml

from blur_pipeline.campaign.by_hand import whole_run
from blur_pipeline.campaign.judging import runs_of
from blur_pipeline.campaign.plan import ROWS, Plan, Settings
from blur_pipeline.campaign.study import Outcome
from blur_pipeline.report import leaderboard as board
from blur_pipeline.report.distance import DISTANCE, UTILITY
from blur_pipeline.report.leaderboard import RUN_COLUMNS
from blur_pipeline.report.residual import RESIDUAL

Frame = pd.DataFrame
CHOSEN, KEPT, BELOW, FAILED = "chosen", "kept enough", "below the floor", "failed"
TRIED_COLUMNS = [
    *("method", "setting", "settings", "standing", "distance", "utility_kept", "farthest", "seeds"),
    *("why", "values", "seconds", "runs", "command"),
]
WITHOUT_COLUMNS = ["method", "tried", "failed", "most utility kept", "why"]
READ = ["method", "setting", "settings", "standing", "distance", "utility_kept", "farthest", "why"]


def tried(outcomes: dict[str, list[Outcome]], best: dict[str, Outcome | None], seeds: list[int]) -> Frame:
    """``TRIED_COLUMNS``: a row a setting, a method's nearest that keeps enough first; ``values`` are JSON."""
    rows = [_row(method, outcome, best[method], seeds) for method, found in outcomes.items() for outcome in found]
    table = pd.DataFrame(rows, columns=TRIED_COLUMNS)
    order = table["standing"].map([CHOSEN, KEPT, BELOW, FAILED].index)
    table = table.assign(order=order).sort_values(["method", "order", "distance", "setting"])
    return table.drop(columns="order").reset_index(drop=True)


def _row(method: str, outcome: Outcome, best: Outcome | None, seeds: list[int]) -> tuple:
    notes = [outcome.notes[f"seed {seed}"] for seed in seeds if f"seed {seed}" in outcome.notes]
    standing = FAILED if outcome.value is None else KEPT if outcome.kept else BELOW
    standing = CHOSEN if best is not None and outcome.slot == best.slot else standing
    known = [note["utility"] for note in notes if note["utility"] is not None]
    utility = sum(known) / len(known) if known and outcome.value is not None else None
    return (
        *(method, outcome.slot + 1, words(outcome.settings), standing, outcome.value, utility),
        *(notes[0]["farthest"] if notes else "", len(notes), outcome.sentence, json.dumps(outcome.settings)),
        sum(note["seconds"] for note in notes),
        ", ".join(str(note["run"]) for note in notes),
        notes[0]["command"] if notes else "",
    )


def reported(outcomes: dict[str, list[Outcome]], best: dict[str, Outcome | None]) -> Frame:
    """``RUN_COLUMNS`` of what was chosen on the seeds that are reported; a seed's slot is its number."""
    parts = []
    for method, found in outcomes.items():
        notes = {o.slot: o.notes[f"seed {o.slot}"] for o in found if f"seed {o.slot}" in o.notes}
        parts.append(runs_of(method, words(best[method].settings), notes))
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=RUN_COLUMNS)


def ranked(runs: Frame, shown: list[str], floor: float) -> Frame:
    """The leaderboard of these runs; without any, its columns."""
    if len(runs):
        return board.leaderboard(runs, shown, floor)
    names = list(dict.fromkeys([DISTANCE, UTILITY, RESIDUAL, *shown]))
    each = [f"{name}{end}" for name in names for end in ("", ".low", ".high", ".n", ".min", ".max")]
    about = ["standing", "rank", *board.LABELS, "seeds", "farthest", "worst_attack"]
    return pd.DataFrame(columns=[*about, *each, "dominated"])


def readable(table: Frame, shown: list[str]) -> Frame:
    """For reading; empty without a row."""
    return board.readable(table, shown) if len(table) else pd.DataFrame()


def without_choice(table: Frame, floor: float) -> Frame:
    """``WITHOUT_COLUMNS``: the methods of which no setting kept enough, and why."""
    rows = []
    for method, part in table.groupby("method", sort=False):
        if CHOSEN in set(part["standing"]):
            continue
        failed = part[part["standing"] == FAILED]
        most = part["utility_kept"].max()
        why = f"none of {len(part)} setting(s) kept {floor:.0%} of the utility"
        if len(failed) == len(part):
            why = f"all {len(part)} setting(s) failed, the first so: {failed['why'].iloc[0]}"
        rows.append((method, len(part), len(failed), most, why))
    return pd.DataFrame(rows, columns=WITHOUT_COLUMNS)


def for_reading(table: Frame) -> Frame:
    """What was tried, without what a machine needs to do it again."""
    return table[READ].rename(columns={"utility_kept": "utility kept"})


def failures(runs: Frame, chosen: Frame, seeds: list[int]) -> list[str]:
    """Sentences about what was ``chosen`` and could not be made on every seed that is reported, or on none."""
    said = []
    for method in chosen["method"] if len(chosen) else ():
        lacking = sorted(set(seeds) - set(runs.loc[runs["method"] == method, "seed"]))
        if lacking:
            said.append(f"{method}: what was chosen failed on seed {', '.join(map(str, lacking))}.")
    return said


def rules(plan: Plan) -> list[str]:
    """How settings were chosen and on what they are reported, in sentences."""
    campaign, rows = plan.campaign, plan.by == ROWS
    chose, shows = campaign.seeds, campaign.reported
    how = "the preset's own, then even over the ranges"
    if campaign.sampler.kind == "tpe":
        how += ", then as TPE learns from those before"
    where = (
        f"half of the subjects that are asked about, unlearning seed(s) {_list(chose)}; reported are the others, with "
        f"unlearning seed(s) {_list(shows)}"
        if rows
        else f"the worlds of seed(s) {_list(chose)}; reported are the worlds of seed(s) {_list(shows)}"
    )
    return [
        f"Budget: {campaign.settings} setting(s) of each method ({how}); a setting that failed counts.",
        "Chosen by: the least mean distance to the retrained model among the settings that keep "
        f"{plan.floor:.0%} of the target's utility.",
        f"Chosen on: {where}. What chose is never what is reported.",
    ]


def settings_yaml(table: Frame, ranking: Frame, without: Frame, plan: Plan) -> str:
    """The chosen values as they stand in a file of parameters, the best method first, and the command of each.

    The command, as the file alone does not serve everywhere: most environments state learning rates of their own, and
    two files of one environment must not say the same.
    """
    order = [*ranking["method"]] if len(ranking) else []
    chosen = table[table["standing"] == CHOSEN].set_index("method")
    best_first = [*order, *(method for method in chosen.index if method not in order)]
    values = {method: nested(json.loads(chosen.loc[method, "values"])) for method in best_first}
    methods = {method: tree for method, tree in values.items() if tree}  # where nothing varies, there is none to copy
    head = [f"# Chosen by the campaign {plan.name} on {plan.parameters.benchmark}; {rules(plan)[2]}"]
    head += [f"# {row['method']}: {row['why']}".replace("\n", " ") for _, row in without.iterrows()]
    if best_first:
        head.append("# To run what was chosen:")
    for method in best_first:
        head.append(f"#   {whole_run(chosen.loc[method, 'command'], plan.world(0, tuning=True))}")
    tree = {"unlearning": {"methods": methods}} if methods else {}
    return "\n".join(head) + "\n" + (yaml.safe_dump(tree, sort_keys=False) if tree else "{}\n")


def nested(settings: Settings) -> dict[str, Any]:
    """Dotted names as a tree."""
    tree: dict[str, Any] = {}
    for name, value in settings.items():
        *branches, last = name.split(".")
        place = tree
        for branch in branches:
            place = place.setdefault(branch, {})
        place[last] = value
    return tree


def words(settings: Settings) -> str:
    """``forget.beta 0.1, optimizer.lr 0.001``."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()
    )


def _list(seeds: list[int]) -> str:
    return ", ".join(map(str, seeds))

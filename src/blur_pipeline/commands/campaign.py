"""A campaign: each setting of each method is a run, children of one MLflow run; what was chosen, the whole protocol."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blur_pipeline.commands.last_door import of_memory, sentence_of
from blur_pipeline.commands.retrained import train_further
from blur_pipeline.commands.runs import (
    WHOLE,
    by_hand,
    catalog_of,
    forget_what_was_seen,
    look_ahead,
    mlflow_run,
    parameters_and_group,
    with_parameter,
)
from blur_pipeline.commands.whose_fault import of_the_setting
from blur_pipeline.config.errors import BadInputError, PassingError

if TYPE_CHECKING:
    from blur_pipeline.campaign.judging import Note
    from blur_pipeline.campaign.plan import Plan, Settings
    from blur_pipeline.campaign.study import Board, Taken

Options = dict[str, Any]
MODELS = ("target", "retrained", "unlearned")
log = logging.getLogger(__name__)


def run_campaign(kedro_run: Callable[..., Any], options: Options) -> Any:
    """Try every setting that nobody has tried, report what was chosen on other rows, then do what ``options`` ask for.

    Any number of processes may do the same at once. A crash costs the runs that were going on.
    """
    from kedro.io.core import generate_timestamp

    from blur_pipeline.campaign.boards import reported_boards, tuning_boards
    from blur_pipeline.campaign.plan import plan_of, require_sense
    from blur_pipeline.campaign.signs import Process
    from blur_pipeline.campaign.study import open_storage
    from blur_pipeline.campaign.work import work_off
    from blur_pipeline.tracking.dead_runs import announce

    raw, parameters, group = parameters_and_group(options)
    plan = plan_of(parameters, group)
    require_sense(plan, raw)
    storage, process = open_storage(plan.campaign.address(), plan.campaign.silence), Process()
    announce(generate_timestamp())
    try:
        with mlflow_run(f"campaign {plan.name}"):
            cells = _Cells(kedro_run, options, plan)
            boards = tuning_boards(plan, storage, process)
            cells.begin(boards, plan.campaign.seeds, tuning=True)
            work_off(boards, cells.tune)
            reported = reported_boards(plan, storage, process, boards)
            cells.begin(reported, plan.campaign.reported, tuning=False)
            work_off(reported, cells.report)
            return kedro_run(**options)
    finally:
        process.close()


class _Cells:
    """Runs of a campaign: one setting in one world or on one half of the rows."""

    def __init__(self, kedro_run: Callable[..., Any], options: Options, plan: Plan) -> None:
        params = {n: v for n, v in (options.get("params") or {}).items() if n not in ("campaign", "method")}
        whole = {**options, **WHOLE, "params": params}
        self.kedro_run, self.plan, self.campaign_options = kedro_run, plan, options
        self.options = with_parameter(whole, "reporting.register_model", "none")

    def begin(self, boards: dict[str, Board], seeds: list[int], tuning: bool) -> None:
        """Make what all methods share; what is wrong with that stops the campaign, and is no method's fault."""
        from blur_pipeline.campaign.judging import judge

        for board in boards.values():
            board.fill()
        self.boards, self.per = boards, len(seeds) if tuning else 1
        self.began, self.made = time.monotonic(), 0
        unfinished = any(board.waiting() or board.running() for board in boards.values())
        for seed in seeds if unfinished else ():
            shared = self._with(self.plan.world(seed, tuning))
            train_further(self.kedro_run, shared, look_ahead(shared)[1])
            shared["to_outputs"] = [f"{model}.metrics" for model in MODELS[:2]]
            found = self._metrics(shared, MODELS[:2])
            if found is None:
                log.info("What all methods share, seed %d. By hand:\n  %s", seed, by_hand(shared))
                with mlflow_run(f"shared by all methods, seed {seed}", nested=True):
                    self.kedro_run(**shared)
                found = self._metrics(shared, MODELS[:2])
            comparison = self.plan.parameters.comparison
            if judge({**found[0], "unlearned": found[0]["target"]}, comparison)["utility"] is None:
                raise BadInputError(
                    f"The target model (seed {seed}) has no '{comparison.utility}' that could be kept; name a "
                    "metric that it is good at as 'comparison.utility'."
                )

    def tune(self, method: str, taken: Taken) -> None:
        """A setting on every seed that chooses."""
        title = f"{method}, setting {taken.slot + 1} of {self.plan.budget(method)}"
        self._try(method, taken, self.plan.campaign.seeds, True, title)

    def report(self, method: str, taken: Taken) -> None:
        """What was chosen, on one seed that is reported: the slot."""
        self._try(method, taken, [taken.slot], False, f"{method} as chosen")

    def _try(self, method: str, taken: Taken, seeds: list[int], tuning: bool, title: str) -> None:
        from blur_pipeline.campaign.judging import settle

        notes = []
        for seed in seeds:
            if (note := self._note(method, taken, seed, tuning, title)) is None:
                return
            notes.append(note)
        said = settle(notes, self.plan.floor)
        taken.failed(said) if isinstance(said, str) else taken.done(*said)

    def _note(self, method: str, taken: Taken, seed: int, tuning: bool, title: str) -> Note | None:
        """None where it failed for a reason of the setting's own, which is told to the board.

        Memory is the machine's: the slot is given back, and whoever has no more of it has to know which setting it was.
        """
        from blur_pipeline.campaign.tables import words

        try:
            note = self._cell(method, taken.settings, seed, tuning, f"{title}, seed {seed}")
        except Exception as error:
            shared = self._with(self.plan.world(seed, tuning))
            if of_memory(error):
                path = self.plan.parameters.campaign.path
                raise PassingError(
                    f"{title}, seed {seed} ({words(taken.settings) or 'nothing varied'}): {sentence_of(error)} To do "
                    f"without '{method}', name the other methods as 'methods' in {path}; nothing else is lost by it."
                ) from error
            if not of_the_setting(error, self._asked(method, taken.settings, seed, tuning), shared):
                raise
            sentence = sentence_of(error) or str(error)
            log.warning("%s, seed %d counts as tried, and failed: %s", title, seed, sentence)
            taken.failed(f"seed {seed}: {sentence}")
            return None
        taken.note(f"seed {seed}", note)
        return note

    def _cell(self, method: str, settings: Settings, seed: int, tuning: bool, title: str) -> Note:
        """Make what is missing of it, and judge."""
        from blur_pipeline.campaign.judging import judge

        self._require_as_planned(method)
        options, began = self._asked(method, settings, seed, tuning), time.monotonic()
        found = self._metrics(options, MODELS, whole=not tuning)
        log.info("%s; %s. By hand:\n  %s", title, self._time_left(), by_hand(options))
        if found is None:
            with mlflow_run(title, nested=True):
                self.kedro_run(**options)
            self.made += 1
            found = self._metrics(options, MODELS)
        tables, run = found
        note = judge(tables, self.plan.parameters.comparison)
        log.info("%s: distance %s, utility kept %s", title, _shown(note["distance"]), _shown(note["utility"]))
        return note | {"seconds": round(time.monotonic() - began, 1), "run": run, "command": by_hand(options)}

    def _require_as_planned(self, method: str) -> None:
        """Each run reads conf/ and the data anew: one after an edit would stand in the study of those before."""
        from blur_pipeline.campaign.plan import plan_of

        forget_what_was_seen()
        _, parameters, group = parameters_and_group(self.campaign_options)
        now = plan_of(parameters, group)
        if method not in now.ranges or now.study(method) != self.plan.study(method):
            raise PassingError(
                f"What decides about '{method}' was changed while the campaign went on (conf/, the campaign's file or "
                "the data); put it back to finish this campaign, or do the same command again, which begins another "
                "study beside it."
            )

    def _asked(self, method: str, settings: Settings, seed: int, tuning: bool) -> Options:
        options = self._with(self.plan.changes(method, settings, seed, tuning))
        if tuning:  # what chooses is the distance; attacks and a report wait for what was chosen
            options = with_parameter(options, "stress.profile", "off") | {"to_outputs": ["unlearned.metrics"]}
        return options

    def _with(self, changes: dict[str, Any]) -> Options:
        options = self.options
        for name, value in changes.items():
            options = with_parameter(options, name, value)
        return options

    def _metrics(
        self, options: Options, models: tuple[str, ...], whole: bool = False
    ) -> tuple[dict[str, Any], str | None] | None:
        """The tables of these models, and the MLflow run that made the last; None where one is not there.

        ``whole``: nor where there is no report, as of a run that was killed with its metrics made and no attacks yet.
        """
        import pandas as pd

        from blur_pipeline.lineage.manifest import newest_whole

        catalog = catalog_of(options)
        manifests = {m: newest_whole(Path(catalog[f"{m}.metrics"]["filepath"])) for m in models}
        if None in manifests.values() or (whole and newest_whole(Path(catalog["report_html"]["filepath"])) is None):
            return None
        return {m: pd.read_parquet(found.path) for m, found in manifests.items()}, manifests[models[-1]].made.mlflow_run

    def _time_left(self) -> str:
        left = 1 + self.per * sum(len(board.waiting()) for board in self.boards.values())
        if not self.made:
            return f"about {left} run(s) left"
        minutes = (time.monotonic() - self.began) / self.made * left / 60
        return f"about {left} run(s) left, {minutes:.0f} min by this process alone"


def _shown(value: float | None) -> str:
    return "absent" if value is None else f"{value:.3f}"

"""The settings of one method as an Optuna study: slots that any number of processes fill, each once."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from blur_pipeline.campaign.plan import Settings
from blur_pipeline.campaign.signs import Heartbeat, Process, is_dead
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.ranges import Range, Value

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial, Trial

SLOT, HOLDER, SETTINGS, SENTENCE, SHORTFALL = "slot", "holder", "settings", "sentence", "shortfall"
HOPELESS = 10.0
"""Shortfall of a setting that gave no model: further from the floor than any model can be."""
Chooser = Callable[["Trial", dict[str, Range], int], Settings]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """A setting that was tried: its mean distance and how far below the floor, or the sentence of its failure."""

    slot: int
    settings: Settings
    value: float | None
    shortfall: float | None
    sentence: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether it keeps as much utility as is asked for."""
        return self.value is not None and self.shortfall <= 0


def open_storage(address: str, silence: int) -> RDBStorage:
    """The database of a campaign; a SQLite file is made where there is none.

    Raises:
        BadInputError: it cannot be opened.
    """
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    waits = {"connect_args": {"timeout": 60}} if address.startswith("sqlite") else {}
    try:
        path = Path(address.removeprefix("sqlite:///")) if address.startswith("sqlite:///") else None
        if path is None:
            return _opened(RDBStorage, address, waits, silence)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _turn(address):  # two processes would make its tables at once
            return _opened(RDBStorage, address, waits, silence)
    except (OSError, ValueError, ImportError, RuntimeError, SQLAlchemyError) as error:
        shown = address.rpartition("@")[2]  # without a password
        why = " ".join(str(error).split()).replace(address, shown)[:200]
        raise BadInputError(
            f"The campaign's storage {shown} cannot be opened ({why}); mend 'storage' in its file."
        ) from error


def _opened(kind: type[RDBStorage], address: str, waits: dict[str, Any], silence: int) -> RDBStorage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heartbeats are called experimental since 2021
        return kind(address, engine_kwargs=waits, heartbeat_interval=max(1, silence // 4), grace_period=silence)


def _turn(address: str) -> AbstractContextManager:
    """One process at a time in SQLite, which locks no rows: two would read that a trial waits, and both take it."""
    return FileLock(f"{address.removeprefix('sqlite:///')}.lock") if address.startswith("sqlite:///") else nullcontext()


class Board:
    """The slots of one method. ``planned`` are settings by slot; an empty one is chosen when its turn comes.

    A slot is a trial that bears its number; of several that do, through a race of two processes, the first that is
    alive counts. What a dead process worked at is put on the board again with the same settings.
    """

    def __init__(
        self,
        storage: RDBStorage,
        name: str,
        planned: dict[int, Settings],
        ranges: dict[str, Range],
        choose: Chooser,
        process: Process,
    ) -> None:
        import optuna

        self.study: Study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
        self.turn = _turn(storage.url)
        self.storage, self.planned, self.ranges = storage, planned, ranges
        self.choose, self.process = choose, process

    def fill(self) -> None:
        """Take what the dead had from them, and put every slot on the board that is not there."""
        with self.turn:
            self._fill()

    def _fill(self) -> None:
        import optuna
        from optuna.trial import TrialState

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optuna.storages.fail_stale_trials(self.study)
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            holder = trial.user_attrs.get(HOLDER)  # none: who took it died before it could say who it is
            if holder is None or is_dead(holder):
                self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        alive, given_up = self._alive(), {}
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
            if trial.params:  # one that was put back and nobody took has none
                given_up[trial.user_attrs.get(SLOT)] = trial.params
        for slot in self._lacking(alive):
            before = given_up.get(slot, {})
            whole = before.keys() == self.ranges.keys()
            fixed = before if whole else {n: v for n, v in self.planned[slot].items() if n in self.ranges}
            self.study.enqueue_trial(fixed, user_attrs={SLOT: slot})

    def _lacking(self, alive: dict[int, FrozenTrial]) -> list[int]:
        """Slots to put on the board. Optuna takes from it in the order of putting: later ones are put anew behind
        one that comes back."""
        from optuna.trial import TrialState

        lacking = self.planned.keys() - alive.keys()
        later = [s for s, t in alive.items() if lacking and s > min(lacking) and t.state == TrialState.WAITING]
        for slot in later:
            self.storage.set_trial_state_values(alive[slot]._trial_id, TrialState.FAIL)
        return sorted(lacking.union(later))

    def waiting(self) -> list[int]:
        """Slots that nobody has taken."""
        return self._in("WAITING")

    def running(self) -> list[int]:
        """Slots that somebody works at."""
        return self._in("RUNNING")

    def take(self) -> Taken | None:
        """The next slot for this process alone; None where others were quicker."""
        with self.turn:
            return self._take()

    def _take(self) -> Taken | None:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna would beat by itself only within its own loop
            trial = self.study.ask()
        try:  # at once: until then nobody can ask whether its process lives
            self.storage.record_heartbeat(trial._trial_id)
            trial.set_user_attr(HOLDER, self.process.address)
        except UpdateFinishedTrialError:  # of a database without turns: another took it for a dead one's
            return None
        slot = trial.user_attrs.get(SLOT)
        first = self._alive().get(slot)
        if first is None or first.number != trial.number:
            self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            return None
        settings = {**self.choose(trial, self.ranges, slot), **self.planned[slot]}  # planned ones to the last digit
        trial.set_user_attr(SETTINGS, settings)
        return Taken(slot, settings, trial, self.study, self.storage)

    def outcomes(self) -> list[Outcome]:
        """What was tried, slot after slot."""
        return [_outcome(slot, t) for slot, t in sorted(self._alive().items()) if t.state.is_finished()]

    def best(self) -> Outcome | None:
        """Of those that keep enough the nearest, the earlier of equals; None where none does."""
        kept = [outcome for outcome in self.outcomes() if outcome.kept]
        return min(kept, key=lambda outcome: (outcome.value, outcome.slot), default=None)

    def _in(self, state: str) -> list[int]:
        return sorted(slot for slot, trial in self._alive().items() if trial.state.name == state)

    def _alive(self) -> dict[int, FrozenTrial]:
        """By slot its first trial that no process has given up, of the slots of today's budget."""
        found: dict[int, FrozenTrial] = {}
        for trial in self.study.get_trials(deepcopy=False):
            slot = trial.user_attrs.get(SLOT)
            if slot in self.planned and trial.state.name != "FAIL":
                found.setdefault(slot, trial)
        return found


class Taken:
    """A slot that this process works at, with its settings; left without a result, it is given back."""

    def __init__(self, slot: int, settings: Settings, trial: Trial, study: Study, storage: RDBStorage) -> None:
        self.slot, self.settings, self.trial, self.study = slot, settings, trial, study
        self.heartbeat, self.told = Heartbeat(storage, trial._trial_id), False

    def __enter__(self) -> Taken:
        self.heartbeat.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.heartbeat.__exit__(*error)
        if not self.told:
            self._tell("FAIL")

    def note(self, name: str, value: Any) -> None:
        """Keep something of it with the study."""
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            self.trial.set_user_attr(name, value)
        except UpdateFinishedTrialError:
            log.warning("Another process has taken setting %d over, since it heard nothing of this one", self.slot + 1)

    def done(self, value: float, shortfall: float) -> None:
        """The mean distance, and how far the utility kept lies below the floor (negative: above)."""
        self.note(SHORTFALL, shortfall)
        self._constrain(shortfall)
        self._tell("COMPLETE", value)

    def failed(self, sentence: str) -> None:
        """It counts as tried."""
        self.note(SENTENCE, sentence)
        self._constrain(HOPELESS)
        self._tell("PRUNED")

    def _constrain(self, shortfall: float) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            self.trial.set_constraint("floor", shortfall)
        except UpdateFinishedTrialError:
            log.debug("taken over")

    def _tell(self, state: str, value: float | None = None) -> None:
        from optuna.trial import TrialState

        self.told = True
        self.study.tell(self.trial, value, state=TrialState[state], skip_if_finished=True)


def _outcome(slot: int, trial: FrozenTrial) -> Outcome:
    said: dict[str, Value | Any] = trial.user_attrs
    complete = trial.state.name == "COMPLETE"
    value, shortfall = (trial.value, said[SHORTFALL]) if complete else (None, None)
    notes = {k: v for k, v in said.items() if k not in (SLOT, HOLDER, SETTINGS, SENTENCE, SHORTFALL)}
    return Outcome(slot, said[SETTINGS], value, shortfall, said.get(SENTENCE, ""), notes)

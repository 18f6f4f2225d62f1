"""No silence in a log, a moving line on a terminal, and steps that are noted and not printed."""

import io
import logging
import time

import pytest
from rich.console import Console

from blur_pipeline.console import screen as module
from blur_pipeline.console.going_on import GoingOn
from blur_pipeline.console.handler import ScreenHandler
from blur_pipeline.console.pace import Pace
from blur_pipeline.console.screen import SCREEN, Screen
from blur_pipeline.models.progress import ProgressBar
from blur_pipeline.models.progress import log as steps

EARLIER = {"models.unlearning.unlearn": 40.0, "results.unlearned.score_tokens": 20.0}


def screen_of(monkeypatch, **options) -> tuple[Screen, io.StringIO]:
    """A screen of its own, and what is written on it."""
    file = io.StringIO()
    console = Console(file=file, width=80, **options)
    monkeypatch.setattr("rich.get_console", lambda: console)
    monkeypatch.setenv("COLUMNS", "80")
    return Screen(), file


@pytest.fixture
def log(monkeypatch):
    return screen_of(monkeypatch, force_terminal=False)


def test_a_log_is_never_silent_for_long(log, monkeypatch):
    screen, file = log
    monkeypatch.setattr(module, "SILENCE", 0.1)
    screen.begin("still looking")
    time.sleep(1.0)
    screen.end()
    lines = file.getvalue().splitlines()
    assert 2 <= len(lines) <= 10
    assert all(line.startswith("… still looking, ") for line in lines)
    time.sleep(0.25)
    assert file.getvalue().splitlines() == lines  # nothing is going on any more


def test_who_speaks_is_not_interrupted(log, monkeypatch):
    screen, file = log
    monkeypatch.setattr(module, "SILENCE", 1.0)
    screen.begin("still looking")
    for number in range(4):
        time.sleep(0.4)
        screen.say(f"line {number}")
    screen.end()
    assert file.getvalue().splitlines() == [f"line {number}" for number in range(4)]


def test_a_terminal_has_a_line_that_moves_and_leaves_nothing_behind(monkeypatch):
    screen, file = screen_of(monkeypatch, force_terminal=True, legacy_windows=False)
    screen.begin("models.unlearning.unlearn")
    screen.going_on.step("Unlearning", 3, 12, 0, "forget 13.896")
    screen.say("a line")
    time.sleep(0.6)
    screen.end()
    written = file.getvalue()
    assert "models.unlearning.unlearn, unlearning 3 of 12 (forget 13.896)" in written
    assert "a line\n" in written
    assert written.count("a line") == 1
    assert "\x1b[2K" in written  # the moving line is taken away


def at(seconds: float, monkeypatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: seconds)


@pytest.fixture
def going_on(monkeypatch) -> GoingOn:
    """The first of two nodes, of which 60 s are expected, for 10 s; 3 of 12 steps are made."""
    at(100.0, monkeypatch)
    found = GoingOn()
    found.one_of(0)
    found.pace = Pace(list(EARLIER), EARLIER)
    found.now("models.unlearning.unlearn", "models.unlearning.unlearn")
    found.step("Unlearning", 0, 12, 0, "")
    at(110.0, monkeypatch)
    found.step("Unlearning", 3, 12, 0, "forget 13.896  retain 6.038")
    return found


def test_what_is_going_on_in_one_line(going_on):
    """30 s of its own: as long as expected; so 20 s more."""
    assert str(going_on) == (
        "models.unlearning.unlearn, unlearning 3 of 12 (forget 13.896  retain 6.038), 10 s, 50 s left of the run"
    )


@pytest.mark.parametrize("width", [60, 45, 30, 20])
def test_on_a_narrow_terminal_it_is_shorter_and_whole(going_on, width):
    said = going_on.short(width)
    assert len(said) <= width
    assert said.startswith("models.unlearning.unlearn"[-width:])  # of the name its end, where it has no room


def test_runs_that_come_after_take_as_long(going_on):
    """Two more of 10 + 50 s each."""
    going_on.one_of(2, "all seeds")
    going_on.run_began = 100.0
    assert str(going_on).endswith("3 min left of all seeds")
    assert going_on.run_left() == pytest.approx(50 + 2 * 60)


def test_a_resumed_training_counts_its_own_steps(going_on, monkeypatch):
    """Steps 6 to 9 of 12 were made in 10 s: the last three take 10 s as well."""
    at(200.0, monkeypatch)
    going_on.now("models.unlearning.unlearn", "models.unlearning.unlearn")
    going_on.step("Unlearning", 6, 12, 6, "")
    at(210.0, monkeypatch)
    going_on.step("Unlearning", 9, 12, 6, "")
    assert going_on.own_left() == pytest.approx(10)


@pytest.fixture
def handler():
    found, before = ScreenHandler(), steps.level
    steps.addHandler(found)
    steps.setLevel(logging.DEBUG)
    steps.propagate = False  # Kedro's own handler may be there too
    yield found
    steps.removeHandler(found)
    steps.setLevel(before)
    steps.propagate = True


def test_steps_are_noted_and_lines_are_printed(handler, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    with ProgressBar("Unlearning", 12) as bar:
        bar({"step": 4, "forget_loss": 1.5})
    assert (SCREEN.going_on.title, SCREEN.going_on.done, SCREEN.going_on.already) == ("Unlearning", 5, 4)
    assert SCREEN.going_on.losses == "forget 1.500"
    steps.warning("[bold]the disk is full[/bold]")
    steps.info("a line")
    assert capsys.readouterr().out == "Warning: [bold]the disk is full[/bold]\na line\n"


def test_without_the_screen_a_line_now_and_then_remains(caplog):
    with caplog.at_level(logging.INFO), ProgressBar("Scoring", 3, start=0) as bar:
        for step in range(3):
            bar({"step": step})
    assert caplog.messages == ["Scoring: step 3 of 3, 0 s left  "]

"""Boards that several processes share: every slot once, dead ones again, the best of those that keep enough."""

import math
import multiprocessing
import os
import signal
import time
from functools import partial
from threading import Thread

import pytest
from filelock import FileLock

from blur_pipeline.campaign.boards import reported_boards, tuning_boards
from blur_pipeline.campaign.choosing import choose
from blur_pipeline.campaign.judging import settle
from blur_pipeline.campaign.signs import Process
from blur_pipeline.campaign.study import Board, open_storage
from blur_pipeline.campaign.work import work_off
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.ranges import Range
from tests.campaign.given import note, plan

RANGES = {"x": Range(low=0.0, high=1.0), "n": Range(low=1, high=9), "kind": Range(choices=["a", "b"])}
NOBODY = "methods: [ga, npo]\nsettings: 6\nseeds: [10]"


@pytest.fixture
def storage(tmp_path):
    return open_storage(f"sqlite:///{tmp_path}/campaign.sqlite", 120)


def board(storage, process, count=6, startup=0, ranges=RANGES) -> Board:
    first = {"n": 1, "kind": "a"} if ranges is RANGES else {}
    slots = {slot: {"x": slot / 10, **first} if slot < startup else {} for slot in range(count)}
    return Board(storage, "study", slots, ranges, partial(choose, seed=0), process)


def near(settings) -> float:
    """The nearer to x = 0.3 the better."""
    return abs(settings["x"] - 0.3)


def tell(name, taken):
    taken.done(near(taken.settings), 0.0)


@pytest.fixture
def process(tmp_path):
    found = Process(tmp_path / "processes")
    yield found
    found.close()


def test_every_slot_is_tried_once_in_order_and_within_its_ranges(storage, process):
    tried = []
    work_off(
        {"a": board(storage, process, startup=2)}, lambda name, taken: (tried.append(taken.slot), tell(name, taken))
    )
    assert tried == list(range(6))
    outcomes = board(storage, process, startup=2).outcomes()
    assert [o.settings["x"] for o in outcomes[:2]] == [0.0, 0.1]
    assert all(RANGES[name].holds(value) for o in outcomes for name, value in o.settings.items())
    assert len({str(o.settings) for o in outcomes}) == 6
    work_off({"a": board(storage, process)}, lambda *_: pytest.fail("all was tried"))


def test_a_raised_budget_goes_on_where_it_ended(storage, process):
    work_off({"a": board(storage, process, 3)}, tell)
    before = board(storage, process, 3).outcomes()
    tried = []
    work_off({"a": board(storage, process, 5)}, lambda name, taken: (tried.append(taken.slot), tell(name, taken)))
    assert tried == [3, 4]
    assert board(storage, process, 5).outcomes()[:3] == before
    assert board(storage, process, 2).outcomes() == before[:2]  # and a lowered one looks at as many


def test_all_methods_come_before_a_second_setting(storage, process, tmp_path):
    order = []
    found = plan(tmp_path, NOBODY)
    boards = tuning_boards(found, storage, process)
    work_off(boards, lambda name, taken: (order.append((taken.slot, name)), taken.done(0.0, 0.0)))
    assert [slot for slot, _ in order] == sorted(slot for slot, _ in order)
    assert [sum(name == method for _, name in order) for method in ("ga", "npo")] == [6, 6]


def test_a_first_setting_that_comes_back_is_taken_before_any_second(storage, process, tmp_path):
    """It was left by a process that died, when the others of its method were on the board already."""
    boards = {
        name: Board(storage, name, {0: {}, 1: {}}, RANGES, partial(choose, seed=0), process) for name in ("a", "b")
    }
    for one in boards.values():
        one.fill()
    with boards["a"].take():
        pass
    boards["a"].fill()
    order = []
    with boards["a"].take() as first, boards["a"].take() as second:
        settings = {taken.slot: taken.settings for taken in (first, second)}
    boards["a"].fill()
    boards["a"].fill()
    work_off(boards, lambda name, taken: (order.append((taken.slot, name, taken.settings)), taken.done(0.0, 0.0)))
    assert [part[:2] for part in order] == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    assert {slot: said for slot, name, said in order if name == "a"} == settings  # as they were begun


def test_tpe_learns_and_a_campaign_that_goes_on_in_portions_tries_the_same(tmp_path, process):
    found, ranges = {}, {"x": RANGES["x"]}
    for name, counts in {"whole": (20,), "portions": (1, 7, 12, 20)}.items():
        storage = open_storage(f"sqlite:///{tmp_path}/{name}.sqlite", 120)
        for count in counts:
            work_off({"a": board(storage, process, count, 4, ranges)}, tell)
        found[name] = [o.settings for o in board(storage, process, 20, 4, ranges).outcomes()]
    assert found["whole"] == found["portions"]
    late = [near(settings) for settings in found["whole"][10:]]
    assert sum(late) / len(late) < 0.2  # of uniform numbers: 0.29


def test_tpe_learns_what_the_floor_forbids(storage, process):
    """The nearest of all, at x = 0, are wrecked: without the floor it would end there."""
    ranges = {"x": RANGES["x"]}
    work_off({"a": board(storage, process, 24, 4, ranges)}, lambda _, t: t.done(t.settings["x"], 0.5 - t.settings["x"]))
    outcomes = board(storage, process, 24, 4, ranges).outcomes()
    assert sum(o.kept for o in outcomes[12:]) >= 9
    assert 0.5 <= board(storage, process, 24, 4, ranges).best().value < 0.6


def test_an_error_gives_the_slot_back_with_the_same_settings(storage, process):
    seen = []

    def once(name, taken):
        seen.append((taken.slot, taken.settings))
        if len(seen) == 3:
            raise KeyboardInterrupt
        tell(name, taken)

    with pytest.raises(KeyboardInterrupt):
        work_off({"a": board(storage, process)}, once)
    work_off({"a": board(storage, process)}, once)
    assert sorted(slot for slot, _ in seen) == [0, 1, 2, 2, 3, 4, 5]
    assert [settings for slot, settings in seen if slot == 2] == [seen[2][1]] * 2


def test_a_failure_counts_as_tried_and_keeps_its_sentence(storage, process):
    def do(name, taken):
        taken.failed("step 3: no number") if taken.slot % 2 else taken.done(near(taken.settings), 0.0)

    work_off({"a": board(storage, process)}, do)
    outcomes = board(storage, process).outcomes()
    assert [o.sentence for o in outcomes] == ["", "step 3: no number"] * 3
    assert [o.value is None for o in outcomes] == [False, True] * 3
    assert board(storage, process).best().slot % 2 == 0


def test_what_keeps_too_little_is_never_the_best_however_near(storage, process):
    def do(name, taken):
        taken.done([0.0, 0.5, 0.4, 0.4, 0.9, 0.1][taken.slot], [0.2, 0.0, -0.1, -0.3, -0.1, 1e-9][taken.slot])

    work_off({"a": board(storage, process)}, do)
    best = board(storage, process).best()
    assert (best.slot, best.value) == (2, 0.4)  # of equals the first


def test_where_nothing_keeps_enough_nothing_is_chosen_or_reported(storage, process, tmp_path):
    found = plan(tmp_path, NOBODY)
    boards = tuning_boards(found, storage, process)
    work_off(boards, lambda name, taken: taken.done(0.1, 0.01 if name == "ga" else -0.01))
    assert boards["ga"].best() is None
    assert list(reported_boards(found, storage, process, boards)) == ["npo"]


def test_what_is_reported_are_the_chosen_settings_on_each_seed(storage, process, tmp_path):
    found = plan(tmp_path, NOBODY)
    boards = tuning_boards(found, storage, process)
    work_off(boards, lambda name, taken: taken.done(float(taken.slot != 4), 0.0))
    seen = []
    reported = reported_boards(found, storage, process, boards)
    work_off(reported, lambda name, taken: (seen.append((name, taken.slot, taken.settings)), taken.done(0.0, 0.0)))
    assert [(name, slot) for name, slot, _ in seen] == [(m, s) for s in (0, 1, 2) for m in ("ga", "npo")]
    assert all(settings == boards[name].best().settings for name, _, settings in seen)
    assert all(settings != found.own(name) for name, _, settings in seen)


def worker(address, folder, log, seconds):
    """A process of its own: notes what it takes, and takes its time."""
    process = Process(folder / "processes")
    os.chdir(folder)
    shared = board(open_storage(address, 120), process, 8)

    def do(name, taken):
        with log.open("a") as file:
            file.write(f"{os.getpid()} {taken.slot}\n")
        time.sleep(seconds)
        tell(name, taken)

    work_off({"a": shared}, do, wait=lambda _: time.sleep(0.05))
    log.with_suffix(f".{os.getpid()}").write_text(str([(o.slot, o.settings, o.value) for o in shared.outcomes()]))


def started(tmp_path, count, seconds):
    address, log = f"sqlite:///{tmp_path}/shared.sqlite", tmp_path / "log"
    context = multiprocessing.get_context("fork")
    found = [context.Process(target=worker, args=(address, tmp_path, log, seconds)) for _ in range(count)]
    for each in found:
        each.start()
    return found, log


def lines(log):
    return [tuple(map(int, line.split())) for line in log.read_text().splitlines()] if log.exists() else []


def test_processes_that_start_at_once_share_the_slots_and_end_with_the_same_table(tmp_path):
    found, log = started(tmp_path, 4, 0.05)
    for each in found:
        each.join(60)
        assert each.exitcode == 0
    slots = [slot for _, slot in lines(log)]
    assert sorted(slots) == list(range(8))
    assert len({pid for pid, _ in lines(log)}) > 1
    assert len({path.read_text() for path in tmp_path.glob("log.*")}) == 1


def test_in_sqlite_one_process_at_a_time_takes_a_setting(storage, process, tmp_path):
    """It locks no rows: Optuna reads that a trial waits and then writes that it runs, and two can read the same."""
    shared, taken = board(storage, process), []
    shared.fill()
    thread = Thread(target=lambda: taken.append(shared.take()))
    with FileLock(f"{tmp_path}/campaign.sqlite.lock"):  # another process's turn
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert shared.running() == []
    thread.join(20)
    assert shared.running() == [taken[0].slot] == [0]


def test_after_kill_9_another_process_takes_the_slot_over_at_once(tmp_path):
    (killed,), log = started(tmp_path, 1, 0.3)
    while len(lines(log)) < 3:
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    (second,), _ = started(tmp_path, 1, 0.0)
    second.join(60)
    assert second.exitcode == 0
    slots = [slot for _, slot in lines(log)]
    assert slots[:3] == [0, 1, 2]
    assert sorted(slots[3:]) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    "address", ["sqlite:////proc/nowhere/x.sqlite", "nonsense://x", "postgresql://me:secret@nowhere/x"]
)
def test_a_storage_that_cannot_be_opened_is_one_sentence_without_its_password(address):
    with pytest.raises(BadInputError, match="cannot be opened") as refused:
        open_storage(address, 120)
    assert "secret" not in str(refused.value)


def test_a_setting_is_settled_by_the_means_over_its_seeds():
    distance, shortfall = settle([note(0.2, 0.9), note(0.4, 1.0)], 0.95)
    assert math.isclose(distance, 0.3)
    assert math.isclose(shortfall, 0.0, abs_tol=1e-12)
    assert settle([note(0.2, 0.9), note(None, 1.0)], 0.95) == "a measure of the distance is absent"
    assert settle([note(0.2, None)], 0.95) == "the utility is absent"

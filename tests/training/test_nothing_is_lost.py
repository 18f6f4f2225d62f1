"""Killed at any moment and started again, a run ends in the same weights; damage is found, a full disk survived."""

import errno
import io
import json
import os
import pickle
import random
import resource
import signal
import time
from dataclasses import replace

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.metadata import _MEM_FORMAT_ENCODING, BytesStorageMetadata, MetadataIndex

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training import checkpoints
from blur_pipeline.training.checkpoint_index import DataOnlyReader, _DataOnly
from blur_pipeline.training.checkpoints import Checkpoints, RunningAlreadyError
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.soundness import damage
from tests.conftest import build_tiny_model, random_examples
from tests.workers import run_ranks, start

RECIPE = Recipe(
    forget={"kind": "npo"}, weighting={"kind": "bilevel", "gamma": 0.5}, optimizer={"kind": "adamw", "lr": 1e-3}
)
KILLS = int(os.environ.get("BLUR_KILLS", "3"))


def run_in(folder, steps=24, every=2, watchers=()) -> Run:
    forget = random_examples(7, seed=1).with_reference(torch.linspace(-30, -10, 7))
    kept = Checkpoints(folder, "the run", every)
    schedule = Schedule(steps=steps, batch_size=4)
    retain = random_examples(9, seed=2)
    return Run(RECIPE, schedule, retain, forget, 3, checkpoints=kept, watchers=list(watchers))


def train_to_the_end(folder, result, **how) -> None:
    """What the killed process does: train, and leave the weights as a whole file."""
    model, history = train(build_tiny_model(), run_in(folder, **how))
    torch.save((model.state_dict(), history), f"{result}.part")
    os.rename(f"{result}.part", result)


def write_slowly() -> None:
    """Lengthen each checkpoint's writing, so that a kill often falls into it."""
    import blur_pipeline.training.checkpoints as module

    write = module.write_text
    module.write_text = lambda path, text: (time.sleep(0.02), write(path, text))


def train_with_slow_writes(folder, result) -> None:
    write_slowly()
    train_to_the_end(folder, result)


def test_kills_at_random_moments_change_nothing(tmp_path):
    """Real SIGKILLs, one a run at least, each at a random moment of what is left, checkpoint writes among them."""
    torch.set_num_threads(1)
    train_to_the_end(tmp_path / "uninterrupted", tmp_path / "expected")
    rng, result = random.Random(0), tmp_path / "result"
    killed = during_write = 0
    for attempt in range(KILLS):
        folder = tmp_path / f"killed-{attempt}"
        for _ in range(50):
            process = start(train_with_slow_writes, folder, result)
            process.join(rng.uniform(0.05, 0.6))
            if process.exitcode is not None:
                break
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed += 1
            during_write += any(folder.rglob(".writing-*"))
        else:
            process = start(train_with_slow_writes, folder, result)
            process.join()
        assert process.exitcode == 0
        weights, history = torch.load(result, weights_only=False)
        expected, expected_history = torch.load(tmp_path / "expected", weights_only=False)
        assert history == expected_history
        assert all(torch.equal(weights[name], expected[name]) for name in expected)
        result.unlink()
    print(f"{killed} kills, {during_write} of them during the writing of a checkpoint, over {KILLS} runs")
    assert killed >= KILLS
    assert during_write > 0


SHORT = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[dict[str, torch.Tensor], list[dict]]:
    """Weights and rows of the run that was not broken off."""
    model, history = train(build_tiny_model(), run_in(tmp_path_factory.mktemp("whole"), SHORT))
    return model.state_dict(), history


@pytest.fixture
def stopped(tmp_path, tiny_model) -> Run:
    """A run that broke off after step 7 with the checkpoints of steps 4 and 6."""

    def power_cut(row):
        if row["step"] == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny_model, run_in(tmp_path, SHORT, watchers=[power_cut]))
    run = run_in(tmp_path, SHORT)
    assert [p.name for p in sorted(run.checkpoints.folder.iterdir())] == ["step-000004", "step-000006"]
    return run


def flip_a_byte(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda f: flip_a_byte(next(f.glob("__0_*"))), "has other content than was written"),
        (lambda f: os.truncate(next(f.glob("__0_*")), 100), "has 100 bytes instead of"),
        (lambda f: (f / "state.json").unlink(), "state.json is missing"),
        (lambda f: (f / "manifest.json").write_text("{"), "its manifest is missing or unreadable"),
        (lambda f: flip_a_byte(f / ".metadata"), "has other content"),
    ],
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(harm, said, stopped, whole, caplog):
    newest = stopped.checkpoints.folder / "step-000006"
    harm(newest)
    assert said in damage(newest)
    with caplog.at_level("INFO", logger="blur_pipeline"):
        model, history = train(build_tiny_model(), stopped)
    assert "step-000006 is damaged" in caplog.text
    assert "Resuming after step 4" in caplog.text
    expected, expected_history = whole
    assert history == expected_history
    assert all(torch.equal(w, expected[n]) for n, w in model.state_dict().items())
    assert all(damage(p) is None for p in stopped.checkpoints.folder.glob("step-*"))


def test_when_all_are_damaged_it_starts_anew(stopped, caplog):
    for folder in stopped.checkpoints.folder.iterdir():
        flip_a_byte(folder / "state.json")
    stopped.watchers.append(lambda row: seen.append(row["step"]))
    seen = []
    with caplog.at_level("INFO", logger="blur_pipeline"):
        _, history = train(build_tiny_model(), stopped)
    assert "Resuming" not in caplog.text
    assert seen == list(range(SHORT))  # made, and not read
    assert [row["step"] for row in history] == seen


def test_resume_never_starts_anew(stopped, caplog):
    again = run_in(stopped.checkpoints.parent, SHORT)
    never = Checkpoints(**{**vars(again.checkpoints), "resume": False})
    with caplog.at_level("INFO", logger="blur_pipeline"):
        train(build_tiny_model(), Run(**{**vars(again), "checkpoints": never}))
    assert "Resuming" not in caplog.text


def _train_with_small_files(folder, result) -> None:
    """The system refuses to write files beyond 4 KB: real short writes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    seen = []

    def fill_the_disk(row):
        if row["step"] == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            seen.append(sorted(p.name for p in (folder / "the run").iterdir()))

    train(build_tiny_model(), run_in(folder, steps=8, watchers=[fill_the_disk]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    left = sorted(p.name for p in (folder / "the run").iterdir())
    result.write_text(json.dumps([seen[0], left]))


def test_a_full_disk_loses_nothing_older(tmp_path):
    process = start(_train_with_small_files, tmp_path, tmp_path / "result")
    process.join(60)
    before, after = json.loads((tmp_path / "result").read_text())
    assert before == after == ["step-000002", "step-000004"]
    assert all(damage(p) is None for p in (tmp_path / "the run").glob("step-*"))


def _hold(folder, held) -> None:
    with Checkpoints(folder, "the run", 2).lock():
        held.touch()
        time.sleep(60)


def test_two_processes_cannot_train_the_same_run(tmp_path):
    process = start(_hold, tmp_path, tmp_path / "held")
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    with pytest.raises(RunningAlreadyError, match="Another process trains this very run"):
        Checkpoints(tmp_path, "the run", 2).lock()
    process.kill()
    process.join()
    Checkpoints(tmp_path, "the run", 2).lock().close()  # a killed process holds nothing


class _Harm:
    def __reduce__(self):
        return os.mkdir, ("harm-done",)


def test_a_checkpoint_s_index_runs_no_code(stopped, monkeypatch, tmp_path):
    """Even with a manifest that fits it."""
    monkeypatch.chdir(tmp_path)
    newest = stopped.checkpoints.folder / "step-000006"
    assert DataOnlyReader(newest).read_metadata().state_dict_metadata
    (newest / ".metadata").write_bytes(pickle.dumps(_Harm()))
    with pytest.raises(pickle.UnpicklingError, match="must not name"):
        DataOnlyReader(newest).read_metadata()
    assert not (tmp_path / "harm-done").exists()


def test_no_entry_of_a_checkpoint_is_read_as_an_object(stopped, monkeypatch, tmp_path):
    """What an index calls bytes torch unpickles whole: a forged one called a tensor so, with code in its file."""
    monkeypatch.chdir(tmp_path)
    newest = stopped.checkpoints.folder / "step-000006"
    index = DataOnlyReader(newest).read_metadata()
    key = next(name for name in index.state_dict_metadata if name.startswith("weights."))
    [place] = [place for place in index.storage_data if place.fqn == key]
    torch.save(_Harm(), newest / "harm")
    index.state_dict_metadata[key] = BytesStorageMetadata()
    stored = replace(index.storage_data.pop(place), relative_path="harm", offset=0)
    index.storage_data[MetadataIndex(key)] = replace(stored, length=(newest / "harm").stat().st_size)
    (newest / ".metadata").write_bytes(pickle.dumps(index))
    with pytest.raises(pickle.UnpicklingError, match=f"'{key}' is no tensor"):
        DataOnlyReader(newest).read_metadata()
    with pytest.raises(dcp.CheckpointException):
        dcp.load({key: torch.zeros(1)}, storage_reader=DataOnlyReader(newest), no_dist=True)
    assert not (tmp_path / "harm-done").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch.distributed.checkpoint.filesystem", "FileSystemWriter"),  # its own, and no record
        ("torch.distributed.checkpoint.filesystem", "ExtensionRegistry"),  # only imported there
        ("torch.distributed.checkpoint.metadata", "dataclass"),  # a function
    ],
)
def test_a_checkpoint_s_index_makes_nothing_but_records(module, name, tmp_path):
    (tmp_path / ".metadata").write_bytes(f"c{module}\n{name}\n.".encode())
    with pytest.raises(pickle.UnpicklingError, match=f"must not name {module}.{name}"):
        DataOnlyReader(tmp_path).read_metadata()


ENUMERATION = "torch.distributed.checkpoint.metadata\n_MEM_FORMAT_ENCODING"


def _by_getattr(kind: str, name: str) -> bytes:
    """As Python up to 3.11.3 pickles a member of an enumeration."""
    return f"cbuiltins\ngetattr\n(c{kind}\nS'{name}'\ntR.".encode()


def test_an_index_that_an_older_python_wrote_is_read():
    """A training that was killed on Python 3.11.2 did not go on: its index names getattr."""
    named = io.BytesIO(_by_getattr(ENUMERATION, "TORCH_CONTIGUOUS_FORMAT"))
    assert _DataOnly(named).load() is _MEM_FORMAT_ENCODING.TORCH_CONTIGUOUS_FORMAT


@pytest.mark.parametrize(
    ("kind", "name"),
    [(ENUMERATION, "__class__"), (ENUMERATION, "mro"), ("torch.distributed.checkpoint.metadata\nMetadata", "__init__")],
)
def test_getattr_in_an_index_reaches_members_alone(kind, name, tmp_path):
    (tmp_path / ".metadata").write_bytes(_by_getattr(kind, name))
    with pytest.raises(pickle.UnpicklingError, match="must not name"):
        DataOnlyReader(tmp_path).read_metadata()


def _train_where_one_rank_cannot_write(rank: int, folder, of: str) -> None:
    """Rank 0 finds the disk full when it writes what only it writes; or rank 1 when it reads its own part again."""
    real = {name: getattr(checkpoints, name) for name in ("write_text", "hashes")}
    failing = {"write_text": 0, "hashes": 1}[of]

    def full(*arguments):
        if rank == failing and len(seen) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real[of](*arguments)

    seen = []
    setattr(checkpoints, of, full)
    model, history = train(build_tiny_model(), run_in(folder, steps=8, watchers=[seen.append]))
    setattr(checkpoints, of, real[of])
    if rank == 0:
        left = sorted(p.name for p in (folder / "the run").iterdir())
        torch.save((model.state_dict(), history, left), folder / "result.pt")


@pytest.mark.parametrize("of", ["write_text", "hashes"])
def test_where_one_rank_cannot_write_the_others_do_not_wait_for_it(of, tmp_path):
    """All leave the checkpoint after step 4 out, and go on to the same end as without it."""
    run_ranks(_train_where_one_rank_cannot_write, 2, tmp_path, tmp_path, of)
    weights, history, left = torch.load(tmp_path / "result.pt")
    assert [row["step"] for row in history] == list(range(8))
    assert left == ["step-000002", "step-000006"]
    whole, _ = train(build_tiny_model(), run_in(tmp_path / "whole", steps=8))
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-5, atol=1e-6)

"""Methods that remember over steps: broken off and taken up they end in the same weights, sharded ones too."""

import copy
from pathlib import Path

import pytest
import torch

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.workers.sharding import gather
from tests.config.test_parameters import changed, load
from tests.conftest import build_tiny_model, random_examples
from tests.workers import run_ranks

RATE = {"lr": 1e-3}
REMEMBER = {
    "gru": {"weighting": {"kind": "gru", "forget": 5}},
    "dual": {"weighting": {"kind": "dual", "bound": 0.5, "relative": True, "dual_lr": 0.3, "warmup": 0.3}},
    "sophia": {"optimizer": {"kind": "sophia", "every": 4, "gamma": 3, **RATE}},
    "sign": {"optimizer": {"kind": "sign", **RATE}},
    "n_bit": {"optimizer": {"kind": "n_bit", "bits": 4, **RATE}},
    "schedule_free": {"optimizer": {"kind": "schedule_free", **RATE}},
    "average": {"optimizer": {"kind": "adamw", "average": {"start": 0.3, "every": 1}, **RATE}},
    "hybrid": {"gradient": {"kind": "hybrid", "turn": 2, "zeroth": {"epsilon": 0.01}}},
    "tamper": {"gradient": {"kind": "tamper_resistance", "steps": 2, "every": 1, "lrs": [1e-3]}},
}


def run_of(name: str, folder: Path, engine: Engine | None = None, watchers=()) -> Run:
    recipe = Recipe(forget={"kind": "npo"}, **{"optimizer": {"kind": "adamw", **RATE}, **REMEMBER[name]})
    forget = random_examples(7, seed=1).with_reference(torch.linspace(-30, -10, 7))
    schedule = Schedule(steps=6, batch_size=5, lr_curve="constant")
    checkpoints = Checkpoints(folder, name, every=2)
    return Run(
        recipe, schedule, random_examples(9, seed=2), forget, 3, engine or Engine(), checkpoints=checkpoints,
        watchers=list(watchers),
    )  # fmt: skip


def power_cut(row: dict) -> None:
    if row["step"] == 4:
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", REMEMBER)
def test_resuming_equals_not_stopping_bit_for_bit(name, tmp_path):
    whole, history = train(build_tiny_model(), run_of(name, tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        train(build_tiny_model(), run_of(name, tmp_path / "cut", watchers=[power_cut]))
    assert [p.name for p in sorted((tmp_path / "cut" / name).iterdir())] == ["step-000002", "step-000004"]
    resumed, again = train(build_tiny_model(), run_of(name, tmp_path / "cut"))
    assert again == history
    for key, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[key], value), key


SHARDED = ["gru", "sophia", "sign", "n_bit", "schedule_free", "average"]


def _on_rank(rank: int, folder: str) -> None:
    for name in SHARDED:
        for sharding in ("ddp", "fsdp"):
            engine = Engine(processes=2, sharding=sharding)
            runs = Path(folder) / sharding
            with pytest.raises(KeyboardInterrupt):
                train(build_tiny_model(), run_of(name, runs, engine, [power_cut]))
            model, history = train(build_tiny_model(), run_of(name, runs, engine))
            weights = gather(model) if sharding == "fsdp" else model.state_dict()
            if rank == 0:
                torch.save((weights, history), f"{folder}/{sharding}-{name}.pt")


def test_shards_and_replicas_move_alike(tmp_path):
    """Each after a resumption. A sign or a rounded number may fall to the other side where two sums round
    otherwise; so one weight in a hundred may, by a step or two."""
    run_ranks(_on_rank, 2, tmp_path, str(tmp_path))
    for name in SHARDED:
        alone, _ = train(build_tiny_model(), run_of(name, tmp_path / "alone"))
        expected = torch.cat([p.detach().flatten() for p in alone.parameters()])
        start = torch.cat([p.detach().flatten() for p in build_tiny_model().parameters()])
        assert (expected - start).abs().max() > 1e-3
        for sharding in ("ddp", "fsdp"):
            weights, _ = torch.load(tmp_path / f"{sharding}-{name}.pt", weights_only=False)
            found = torch.cat([weights[n].flatten() for n, _ in alone.named_parameters()])
            assert ((found - expected).abs() > 1e-5).float().mean() < 0.01, (name, sharding)


def test_schedule_free_ends_at_its_mean(tmp_path):
    """Not where the last gradient was taken."""
    last = copy.deepcopy(run_of("schedule_free", tmp_path).recipe.optimizer)
    run = run_of("schedule_free", tmp_path / "one")
    kept, _ = train(build_tiny_model(), run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(last), "settle", lambda self, optimizer: None)
        where, _ = train(build_tiny_model(), run_of("schedule_free", tmp_path / "other"))
    assert not torch.equal(kept.lm_head.weight, where.lm_head.weight)


def test_schedule_free_cannot_return_to_best_weights(project):
    raw = changed(load(project), "unlearning.stopping", {"kind": "best"})
    check_parameters(raw)
    raw["unlearning"]["methods"]["blur_npo"]["optimizer"] = {"kind": "schedule_free"}
    with pytest.raises(BadInputError, match=r"keeps its last mean; give unlearning\.stopping off or fixed"):
        check_parameters(raw)

"""What only a GPU shows.

Needs torch, transformers, pydantic and numpy alone: `pytest -m gpu tests/gpu` on a bare machine. What wants more is
skipped there.
"""

import copy
import itertools
import warnings

import pytest
import torch
import torch.distributed as dist

from blur_pipeline.methods.forget import NPO, RMU
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models import packed
from blur_pipeline.models.forward import Forward
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.prepare import prepare
from blur_pipeline.training.stopping import FORGET, Best
from tests.conftest import build_tiny_model, random_examples
from tests.training.test_every_cut import (
    CUTS,
    RECIPES,
    ROUNDING,
    assert_same_step,
    assert_same_steps,
    away_run,
    computed_in,
    cut_run,
)
from tests.training.test_placement import run_of as reads_layer_one
from tests.training.test_weights import BF16, LORA, of_bfloat16

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")]
CUDA = torch.device("cuda")
DRAWN = {"smoothing", "two_point", "hybrid"}
"""Of random directions, which a GPU draws by another generator than a CPU."""
PACKAGES = {"lora": "peft", "fila": "peft", "schedule_free": "schedulefree"}
"""What a scope or an optimizer needs beside torch, transformers and pydantic."""


def skip_without_packages(name: str) -> None:
    kinds = [RECIPES[name].get(part, {}).get("kind") for part in ("scope", "optimizer")]
    for package in {PACKAGES[kind] for kind in kinds if kind in PACKAGES}:
        pytest.importorskip(package)


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in DRAWN])
def test_a_step_on_the_gpu_is_the_step_on_the_cpu(name):
    skip_without_packages(name)
    _, expected = train(build_tiny_model(), cut_run(name))
    _, rows = train(build_tiny_model(), cut_run(name), CUDA)
    assert_same_steps(rows, expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "precision"), [(n, p) for p in ROUNDING for n in computed_in(p) if n not in DRAWN], ids="-".join
)
def test_away_from_theta_0_a_step_on_the_gpu_is_the_step_on_the_cpu(name, precision, tmp_path):
    """The CPU's checkpoint after three steps is where both go on; in half precision they round each product apart."""
    skip_without_packages(name)
    engine = Engine(precision=precision)
    _, expected = train(build_tiny_model(), away_run(name, engine, tmp_path))
    _, rows = train(build_tiny_model(), away_run(name, engine, tmp_path), CUDA)
    assert rows[:-1] == expected[:-1]
    assert_same_step(name, rows[-1], expected[-1], {"fp32": 1e-4}.get(precision, 8 * 2**-8))


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("name", ["blur_npo", "blur_rmu", "lora_kl", "gru", "sophia", "dual"])
def test_a_run_broken_off_on_the_gpu_goes_on_there(name, precision, tmp_path):
    """The rows before the cut are those of its log; after it a GPU's sums, not the same twice, agree to rounding."""
    skip_without_packages(name)

    def run_in(folder, watchers=()):
        checkpoints = Checkpoints(tmp_path / folder, name, every=2)
        run = cut_run(name, Engine(precision=precision), steps=4)
        return Run(**{**vars(run), "checkpoints": checkpoints, "watchers": list(watchers)})

    seen = []

    def power_cut(row):
        seen.append(row)
        if row["step"] == 2:
            raise KeyboardInterrupt

    _, expected = train(build_tiny_model(), run_in("whole"), CUDA)
    with pytest.raises(KeyboardInterrupt):
        train(build_tiny_model(), run_in("cut", [power_cut]), CUDA)
    _, rows = train(build_tiny_model(), run_in("cut"), CUDA)
    assert rows[:2] == seen[:2]
    for row, other in zip(rows, expected, strict=True):
        assert_same_step(name, row, other, {"fp32": 1e-3}.get(precision, 8 * 2**-8))


@pytest.fixture
def nccl():
    dist.init_process_group("nccl", rank=0, world_size=1, store=dist.HashStore())
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
@pytest.mark.parametrize("name", ["blur_npo", "blur_rmu", "grad_diff_kl"])
def test_one_rank_of_nccl(name, sharding, precision, tmp_path, nccl):
    """All that several ranks do but for the others: gradients go through NCCL, weights through FSDP2."""
    run = cut_run(name, Engine(precision=precision, micro_batch_size=2))
    _, expected = train(build_tiny_model(), run, CUDA)
    engine = Engine(precision=precision, micro_batch_size=2, processes=2, sharding=sharding)
    _, rows = train(build_tiny_model(), cut_run(name, engine), CUDA)
    assert_same_steps(rows[:1], expected[:1], rel={"fp32": 1e-4}.get(precision, 2 * 2**-8))


def test_a_launched_worker_trains_on_the_gpu(tmp_path):
    """torch.distributed.run, NCCL, the rows on their way and the model back, as one of several workers does it."""
    pytest.importorskip("psutil")
    from tests.training.workers.test_launch import launch, long_run, write

    run = long_run(tmp_path, steps=6, processes=1)
    _, expected = train(build_tiny_model(), long_run(tmp_path / "alone", steps=6), CUDA)
    seen = []
    model, rows = launch(write(tmp_path, run, device="cuda"), [seen.append], tmp_path / "logs")
    assert_same_steps(rows, expected, rel=1e-4)
    assert seen == rows
    assert next(model.parameters()).device.type == "cpu"


@pytest.mark.parametrize("cut", CUTS)
def test_cuts_on_the_gpu(cut):
    _, expected = train(build_tiny_model(), cut_run("blur_npo"), CUDA)
    _, rows = train(build_tiny_model(), cut_run("blur_npo", Engine(**CUTS[cut])), CUDA)
    assert_same_steps(rows, expected, rel=1e-4)


@pytest.mark.parametrize("engine", [{}, {"micro_batch_size": 2}, {"layout": "packed"}, {"layout": "left"}])
@pytest.mark.parametrize("name", ["blur_npo", "blur_rmu", "grad_diff_kl"])
def test_the_host_waits_once_a_step(name, engine):
    """Synchronisations of a step after the first, by torch's own watch: reading the scalars, nothing else."""
    counts = []

    def watch(row):
        counts.append(len(caught))
        if row["step"] == 0:
            torch.cuda.set_sync_debug_mode("warn")

    run = cut_run(name, Engine(**engine), steps=4)
    run.watchers.append(watch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            train(copy.deepcopy(build_tiny_model()), run, CUDA)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert [b - a for a, b in itertools.pairwise(counts[1:])] == [1, 1]


@pytest.mark.parametrize("layout", ["right", "left", "packed"])
def test_the_host_does_not_wait_for_a_batch_nor_its_passes(layout):
    model, examples = build_tiny_model().to(CUDA), random_examples(7, seed=1).with_reference(torch.zeros(7))
    loss = NPO()
    loss(Forward(model, examples.batch([0, 1]).to(CUDA)), None).backward()  # what is made once is made
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss(Forward(model, examples.batch([0, 3, 5], layout=layout).to(CUDA)), None).backward()
        RMU(layer=1)(Forward(model, examples.batch([2, 4], layout=layout).to(CUDA)), None).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_compiled_layers_give_the_same_step():
    _, expected = train(build_tiny_model(), cut_run("blur_npo"), CUDA)
    _, rows = train(build_tiny_model(), cut_run("blur_npo", Engine(compiled=True)), CUDA)
    assert_same_steps(rows, expected, rel=1e-4)


def test_validation_runs_layers_that_no_loss_reads():
    _, rows = train(build_tiny_model(layers=4), reads_layer_one(Best(rows=2)), CUDA)
    _, expected = train(build_tiny_model(layers=4), reads_layer_one(Best(rows=2)))
    assert rows[-1][FORGET] == pytest.approx(expected[-1][FORGET], rel=1e-4)


@pytest.mark.parametrize("checkpoint", [lambda model: model, of_bfloat16])
def test_a_gpu_never_holds_a_frozen_weight_in_float32(checkpoint):
    pytest.importorskip("peft")
    model = checkpoint(build_tiny_model(vocab=2**14, layers=4))
    size = sum(p.numel() for p in model.parameters())
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    ready = prepare(model, LORA, BF16, CUDA)
    ready.weights.finish()
    assert torch.cuda.max_memory_allocated() - before < 2.5 * size
    assert {p.device.type for p in ready.model.parameters()} == {"cpu"}


def test_a_master_on_a_gpu_is_two_bytes_beside_its_weight():
    model = build_tiny_model(vocab=2**14, layers=4)
    size = sum(p.numel() for p in model.parameters())
    before = torch.cuda.memory_allocated()
    ready = prepare(model, Recipe(), BF16, CUDA)
    assert torch.cuda.memory_allocated() - before < 4.3 * size
    with ready.weights.there():
        assert torch.cuda.memory_allocated() - before > 7.7 * size
    assert torch.cuda.memory_allocated() - before < 4.3 * size


@pytest.mark.parametrize(("whole", "above"), [(False, "cpu"), (True, "cuda")])
def test_layers_above_the_read_layer_stay_off_the_gpu_unless_the_whole_model_runs(whole, above):
    recipe = Recipe(
        forget={"kind": "rmu", "layer": 1},
        retain={"kind": "activation_mse", "layer": 1},
        scope={"kind": "modules", "patterns": ["*.layers.1.mlp.down_proj.weight"]},
    )
    ready = prepare(build_tiny_model(layers=4), recipe, Engine(), CUDA, whole)
    places = [{p.device.type for p in layer.parameters()} for layer in ready.model.model.layers]
    assert places == [{"cuda"}, {"cuda"}, {above}, {above}]
    assert ready.model.lm_head.weight.device.type == above


@pytest.mark.parametrize("name", ["blur_npo", "blur_rmu"])
@pytest.mark.parametrize("precision", ["bf16", "bf16_autocast"])
def test_variable_length_kernels_give_the_step_of_the_mask(name, precision, monkeypatch):
    engine = Engine(layout="packed", precision=precision)
    called, attend = [], packed.attend
    monkeypatch.setattr(packed, "attend", lambda *a, **k: (called.append(1), attend(*a, **k))[1])
    _, rows = train(build_tiny_model(), cut_run(name, engine, steps=1), CUDA)
    assert called
    monkeypatch.setattr(packed, "_on", lambda device: False)
    _, expected = train(build_tiny_model(), cut_run(name, engine, steps=1), CUDA)
    for key in ("forget_loss", "forget_gradient_norm"):
        assert rows[0][key] == pytest.approx(expected[0][key], rel=0.02)


def test_scores_of_the_gpu_are_those_of_the_cpu():
    pytest.importorskip("pandas")
    from blur_pipeline.scoring.token_scores import score_tokens

    examples = random_examples(9, seed=4)
    expected = score_tokens(build_tiny_model(), examples, 64, "On the CPU")
    found = score_tokens(build_tiny_model().to(CUDA), examples, 64, "On the GPU")
    for column in ("logprob", "mean", "variance"):
        for row, other in zip(found[column], expected[column], strict=True):
            assert row == pytest.approx(other, rel=1e-4), column
    assert [list(row) for row in found["correct"]] == [list(row) for row in expected["correct"]]

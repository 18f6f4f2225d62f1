"""What the benchmarks compare is comparable: the plain step means what ours means, a file what its reader thinks."""

import numpy as np
import pytest
import torch
from benchmarks.methods import presets
from benchmarks.plain import PlainNPO, PlainRMU
from benchmarks.products import Products
from benchmarks.shapes import SHAPES, TOFU, examples, sequences
from benchmarks.table import read, table, write

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule
from tests.conftest import build_tiny_model, random_examples

SETTING = {"method": "blur_npo", "shape": "smollm2-135m", "device": "cpu", "sequences": [[8, 4], [6, 3]]}
ONE_STEP = Schedule(steps=1, batch_size=6, max_grad_norm=None)


@pytest.mark.parametrize("loss", ["npo", "rmu"])
def test_the_plain_step_has_our_losses_on_sequences_of_many_lengths(loss):
    forget, retain = random_examples(6, seed=1), random_examples(6, seed=2)
    batches = forget.batch(range(6)), retain.batch(range(6))
    if loss == "npo":
        recipe = {"forget": {"kind": "npo", "beta": 0.1}, "retain": {"kind": "nll"}}
        plain = PlainNPO(build_tiny_model())
        with torch.no_grad():  # at θ₀ every reference gives (2/β)·log 2
            logits = [
                plain.model(input_ids=torch.as_tensor(i)[None]).logits[0].log_softmax(-1) for i in forget.input_ids
            ]
        reference = [
            sum(float(out[t - 1, ids[t]]) for t in range(1, len(ids)) if labels[t] >= 0)
            for out, ids, labels in zip(logits, forget.input_ids, forget.labels, strict=True)
        ]
        forget = forget.with_reference(reference)
    else:
        recipe = {"forget": {"kind": "rmu", "layer": 0}, "retain": {"kind": "activation_mse", "layer": 0}}
        model = build_tiny_model()
        plain = PlainRMU(model, 0, [model.model.layers[0].mlp.down_proj.weight])
        plain.direction = Recipe(**recipe).forget[0].direction(0, 16)
    _, rows = train(build_tiny_model(), Run(Recipe(**recipe), ONE_STEP, retain, forget))
    found = [loss.item() for loss in plain.losses(*batches)]
    assert found == pytest.approx([rows[0]["forget_loss"], rows[0]["retain_loss"]], rel=1e-5, abs=1e-7)


def test_lengths_are_spread_as_those_of_the_set():
    assert sequences("one", 3, 128) == [(128, 64)] * 3
    assert sequences("tofu", 16, 128) == TOFU
    few = sequences("tofu", 4, 128)
    assert np.mean(few, axis=0) == pytest.approx(np.mean(TOFU, axis=0), rel=0.05)
    made = examples("smollm2-135m", few, seed=1)
    assert [len(ids) for ids in made.input_ids] == [tokens for tokens, _ in few]
    assert [made.count([i], "tokens") for i in range(4)] == [supervised for _, supervised in few]
    assert max(int(ids.max()) for ids in made.input_ids) < SHAPES["smollm2-135m"].vocab_size


def test_what_was_measured_elsewhere_stands_beside_ours(tmp_path):
    ours = {
        "plain": {"seconds": 4.0, "peak": 2**21, "static": 2**20, "flops": 2e12, "matrix_peak": 1e12, "products": 3.0}
    }
    theirs = {"step": {"seconds": 2.0, "peak": 2**20}}
    write(tmp_path / "theirs.json", SETTING, "them", theirs)
    by, found = read(tmp_path / "theirs.json", SETTING)
    assert (by, found) == ("them", theirs)
    lines = table(ours | found).splitlines()
    assert lines[2] == "| plain | 4.000 | 1.00× | 2 | 1.00× | 1 | 1.00× | 2.000 | 50% of 1.00 TFLOP/s | 3.000 |"
    assert lines[3] == "| step | 2.000 | 2.00× | 1 | 0.50× |  |  |  |  |  |"


def test_another_step_is_not_compared_with(tmp_path):
    write(tmp_path / "theirs.json", SETTING | {"sequences": [[8, 4]]}, "them", {})
    with pytest.raises(ValueError, match=r"another step: sequences \[\[8, 4\]\] there, \[\[8, 4\], \[6, 3\]\]"):
        read(tmp_path / "theirs.json", SETTING)


def test_every_preset_that_is_trained_is_measured():
    found = presets()
    assert {"npo", "blur_npo", "jensun", "r2mu", "tar"} <= found.keys()
    assert not {"ssd", "given"} & found.keys()  # edits, which have no steps
    assert all(Recipe(**slots).sets() for slots in found.values())


def test_matrix_products_are_counted_with_their_shapes_and_timed_alone():
    """A Llama layer has seven linear maps, each one product forward and two backward but for what needs no gradient."""
    model = build_tiny_model(layers=1)
    with Products() as products:
        model(input_ids=torch.ones(2, 5, dtype=torch.int64)).logits.sum().backward()
    linear = 7 + 1  # and the head
    assert sum(products.found.values()) == 3 * linear
    up = torch.ops.aten.mm.default, (((10, 16), (16, 1), torch.float32), ((16, 32), (1, 16), torch.float32))
    assert products.found[up] == 2  # to the gate and up
    assert products.seconds("cpu", repeats=1) > 0

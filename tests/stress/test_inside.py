"""What runs inside a model tells on it."""

import copy
from contextlib import nullcontext
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from blur_pipeline.models.anatomy import decoder_layers
from blur_pipeline.models.forward import Forward
from blur_pipeline.stress import depth
from blur_pipeline.stress.depth import Depth, unlearning_depth
from blur_pipeline.stress.direction import Direction, mean_outputs, questions_of, without
from blur_pipeline.stress.lens import Lens
from tests.stress.world import asked, given, known, nobody, outcome, retrained, target


def with_a_lid(model):
    """A further layer on top, which makes nonsense of everything."""
    found = copy.deepcopy(model)
    lid = copy.deepcopy(decoder_layers(nobody(seed=5))[1])
    with torch.no_grad():
        lid.mlp.down_proj.weight.mul_(300)
    decoder_layers(found).append(lid)
    found.config.num_hidden_layers = 3
    return found


def test_the_lens_sees_below_a_lid():
    table = outcome(with_a_lid(target()), Lens()).groupby("variant")["fact_probability"].mean()
    assert known(with_a_lid(target())) < 0.1
    assert list(table.index) == ["layer 0", "layer 1"]
    assert table["layer 1"] == pytest.approx(known(target()), abs=1e-5)
    assert known(with_a_lid(retrained()), Lens()) < 0.05


def test_a_direction_is_taken_out():
    """(3, 4) along (1, 0) is (0, 4), in each place of a grid."""
    hidden = torch.tensor([[[3.0, 4.0], [1.0, 0.0]]])
    assert without(hidden, torch.tensor([1.0, 0.0])).tolist() == [[[0.0, 4.0], [0.0, 0.0]]]


def test_means_are_over_the_questions_tokens_but_the_first_of_each():
    questions, model = questions_of(asked("forget").examples.take([0, 5])), target()
    assert [len(ids) for ids in questions.input_ids] == [14, 14]
    by_hand = []
    for ids in questions.input_ids:
        with torch.no_grad():
            states = model(torch.as_tensor(ids)[None], output_hidden_states=True).hidden_states
        by_hand.append(states[1][0, 1:])  # of layer 0
    found = mean_outputs(given(model, tokens_per_batch=20), questions)
    torch.testing.assert_close(found[0], torch.cat(by_hand).mean(0))


def steered(model):
    """Where a forget question is read, layer 0 adds a large step in one direction; what reads retained ones is left."""
    found = copy.deepcopy(model)
    mlp, seen = decoder_layers(found)[0].mlp, []
    handle = mlp.down_proj.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(0, 1)))
    forget = []
    for name in ("forget", "retain", "world_facts"):
        batch = asked(name).examples.batch(range(len(asked(name))))
        with torch.no_grad():
            Forward(found, batch).run()
        seen[-1] = seen[-1][batch.filled]
        forget.append(torch.full((len(seen[-1]),), float(name == "forget")))
    handle.remove()
    inner = torch.cat(seen)
    reads = torch.linalg.solve(inner.T @ inner + 0.01 * torch.eye(64), inner.T @ torch.cat(forget))
    way = torch.randn(32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mlp.down_proj.weight.add_(5 * torch.outer(way / way.norm(), reads))
    return found


def test_a_model_that_steers_forget_questions_away_is_found_by_the_direction():
    unlearned = steered(target())
    found = outcome(unlearned, Direction()).query("of == 'forget'").groupby("variant")["fact_probability"].mean()
    assert known(unlearned) < 0.1
    assert found["all layers"] > 0.8
    assert found["layer 0"] > 0.8
    assert known(steered(retrained()), Direction()) < 0.05


def test_the_depth_score_by_hand():
    """(0.5·1 + 1·3)/4; a layer that holds nothing does not count, and a question without any has no score."""
    theirs = np.array([[0.01, 1, 3], [0.01, 0, -1], [0.01, 2, 0.01]])
    ours = np.array([[0, 0.5, 4], [1, 1, 1], [9, -1, 9]])
    assert unlearning_depth(theirs, ours, 0.05) == pytest.approx([3.5 / 4, np.nan, 0], nan_ok=True)


def test_the_target_model_has_all_of_it_left_and_a_retrained_one_nothing():
    assert outcome(target(), Depth())["probability"].tolist() == [1.0] * 12
    assert outcome(retrained(), Depth())["probability"].tolist() == [0.0] * 12


def test_two_models_that_know_as_little_outside_differ_inside():
    """One is spoilt in its last layer alone, the other has the retrained model's embeddings and first layer."""
    top, bottom = copy.deepcopy(target()), copy.deepcopy(target())
    with torch.no_grad():
        decoder_layers(top)[1].mlp.down_proj.weight.mul_(-8)
        bottom.get_input_embeddings().weight.copy_(retrained().get_input_embeddings().weight)
    decoder_layers(bottom)[0] = copy.deepcopy(decoder_layers(retrained())[0])
    assert max(known(top), known(bottom)) < 0.05
    assert outcome(top, Depth())["probability"].mean() > 0.4
    assert outcome(bottom, Depth())["probability"].mean() < 0.1


@pytest.mark.parametrize("fails", [False, True])
def test_depth_leaves_on_the_device_what_is_attacked_alone(monkeypatch, fails):
    moved, unlearned = [], nobody()
    monkeypatch.setattr(type(unlearned), "cpu", lambda model: moved.append(model))
    with monkeypatch.context() as patch, pytest.raises(MemoryError) if fails else nullcontext():
        if fails:
            patch.setattr(depth, "_drops", Mock(side_effect=MemoryError))
        outcome(unlearned, Depth())
    assert {id(model) for model in moved} == {id(target()), id(retrained())}
    moved.clear()
    outcome(target(), Depth())
    assert [id(model) for model in moved] == [id(retrained())]


def test_depth_needs_a_retrained_model_of_the_same_shape():
    for retrained_model in (lambda: None, lambda: nobody(3)):
        assert outcome(target(), Depth(), retrained=retrained_model).empty
    assert Depth.depth == 8

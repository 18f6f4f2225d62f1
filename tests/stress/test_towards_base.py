"""What the base model's weights bring back."""

import copy
import logging

import pytest
import torch

from blur_pipeline.models.anatomy import decoder_layers
from blur_pipeline.stress.towards_base import Merge, Surgery
from tests.conftest import build_tiny_model
from tests.stress.world import known, nobody, outcome, retrained, target


def halfway(model):
    """Unlearned by going half of the way back to the base model."""
    found, base = copy.deepcopy(model), nobody().state_dict()
    with torch.no_grad():
        for name, weight in found.named_parameters():
            weight.lerp_(base[name], 0.5)
    return found


def test_going_back_to_the_base_model_is_undone_by_going_away_from_it():
    """U − 1·(B − U) is T again. Towards it nothing is found."""
    unlearned, attack = halfway(target()), Merge(parts=(0.5, 1.0))
    table = outcome(unlearned, attack).query("of == 'forget'")
    found = table.groupby(["variant", "budget"])["fact_probability"].mean()
    assert known(unlearned) < 0.2
    assert found["away from the base", 1.0] == pytest.approx(known(target()), abs=1e-3)
    assert found["towards the base", 1.0] == pytest.approx(known(nobody()), abs=1e-6)
    assert found["towards the base"].max() < known(unlearned)
    assert known(halfway(retrained()), attack) < 0.05


def with_a_wrong_layer(model):
    """Unlearned in one layer."""
    found = copy.deepcopy(model)
    with torch.no_grad():
        decoder_layers(found)[1].mlp.down_proj.weight.mul_(-8)
    return found


def without_a_voice(model):
    """A base model that has this one's layers and cannot use them."""
    found = copy.deepcopy(model)
    with torch.no_grad():
        found.get_output_embeddings().weight.copy_(nobody().get_output_embeddings().weight)
    return found


def test_a_suppression_in_one_layer_goes_with_it():
    unlearned, base = with_a_wrong_layer(target()), without_a_voice(target())
    found = outcome(unlearned, Surgery(), base=lambda: base).query("of == 'forget'")
    found = found.groupby("variant")["fact_probability"].mean()
    assert known(base) < 0.05
    assert known(unlearned) < 0.1
    assert found["layer 1"] == pytest.approx(known(target()), abs=1e-4)
    assert found["layer 0"] < 0.1
    base = without_a_voice(retrained())
    assert known(with_a_wrong_layer(retrained()), Surgery(), base=lambda: base) < 0.05


@pytest.mark.parametrize("attack", [Merge(), Surgery()], ids=["merge", "surgery"])
@pytest.mark.parametrize(
    ("base", "why"),
    [(build_tiny_model, "is of other shapes"), (lambda: nobody(3), "is of other shapes"),
     (lambda: copy.deepcopy(target()), "is the target model itself")],
    ids=["width", "depth", "target"],
)  # fmt: skip
def test_a_base_model_that_cannot_be_used_is_told(attack, base, why, caplog):
    with caplog.at_level(logging.WARNING):
        assert outcome(target(), attack, base=base).empty
    assert why in caplog.text

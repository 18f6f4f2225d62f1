"""Attacks that look inside or change weights do so in every kind of decoder."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from blur_pipeline.models.digests import weights_digest
from blur_pipeline.stress.damage import Noise, Prune
from blur_pipeline.stress.depth import Depth
from blur_pipeline.stress.direction import Direction
from blur_pipeline.stress.lens import Lens
from blur_pipeline.stress.rounding import Quantise
from blur_pipeline.stress.towards_base import Merge, Surgery
from tests.stress.world import asked, outcome, speech

HEADS = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 64}
SHAPES = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "gpt_neox": HEADS,
    "gemma3_text": {**HEADS, "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 16},
    "mixtral": {**HEADS, "num_key_value_heads": 2, "num_local_experts": 4},
}
ATTACKS = {
    Quantise(bits=(4,)): ["4 bits"],
    Prune(shares=(0.3,)): [""],
    Noise(scales=(0.1,)): [""],
    Merge(parts=(0.3,)): ["towards the base", "away from the base"],
    Surgery(): ["layer 0", "layer 1"],
    Direction(): ["all layers", "layer 0", "layer 1"],
    Lens(): ["layer 0"],
}


def drawn(kind: str, seed: int):
    torch.manual_seed(seed)
    tokens = {"vocab_size": len(speech()), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **tokens, **SHAPES[kind])).eval()


@pytest.mark.parametrize("kind", SHAPES)
def test_every_kind_of_decoder_can_be_attacked(kind):
    model, base, other = (drawn(kind, seed) for seed in range(3))
    changes = {"forget": asked("forget").take([0, 7]), "retain": asked("retain").take([3])}
    changes |= {"base": lambda: base, "target": lambda: model, "retrained": lambda: other}
    before = weights_digest(model)
    plain = outcome(model, None, **changes)["fact_logprob"][:2].to_numpy()
    for attack, variants in ATTACKS.items():
        found = outcome(model, attack, **changes).query("of == 'forget'")
        assert found["variant"].unique().tolist() == variants
        assert np.isfinite(found["fact_logprob"]).all()
        assert not np.allclose(found["fact_logprob"][:2], plain, atol=1e-6)
    assert weights_digest(model) == before
    assert outcome(model, None, **changes)["fact_logprob"][:2].to_numpy() == pytest.approx(plain)
    assert (outcome(model, Depth(threshold=1e-4), **changes)["probability"] == 1).all()
    assert (outcome(other, Depth(threshold=1e-4), **changes)["probability"] == 0).all()

"""What a loss is told about a model equals a plain forward pass."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from blur_pipeline.models.examples import Examples
from blur_pipeline.models.forward import Forward


def plain_logits(model, ids) -> torch.Tensor:
    return model(input_ids=torch.as_tensor(ids)[None]).logits[0].float()


@torch.no_grad()
def test_token_logprobs_equal_a_pass_per_sequence(tiny_model, retain_examples):
    rows = list(range(len(retain_examples)))
    forward = Forward(tiny_model, retain_examples.batch(rows))
    expected = []
    for i in rows:
        ids, labels = retain_examples.input_ids[i], retain_examples.labels[i]
        logprobs = plain_logits(tiny_model, ids).log_softmax(-1)
        expected.append(torch.stack([logprobs[t - 1, ids[t]] for t in range(1, len(ids)) if labels[t] >= 0]))
    torch.testing.assert_close(forward.token_logprobs(), torch.cat(expected), rtol=1e-5, atol=1e-5)
    sums = torch.stack([e.sum() for e in expected])
    torch.testing.assert_close(forward.sequence_logprobs(), sums, rtol=1e-5, atol=1e-5)
    assert forward.supervised_tokens().tolist() == [len(e) for e in expected]


@torch.no_grad()
def test_padding_changes_nothing(tiny_model, retain_examples):
    alone = Forward(tiny_model, retain_examples.batch([0])).sequence_logprobs()
    together = Forward(tiny_model, retain_examples.batch([0, *range(1, 9)])).sequence_logprobs()
    torch.testing.assert_close(alone[0], together[0], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_what_the_padding_token_is_does_not_matter(tiny_model, retain_examples):
    rows = list(range(9))
    one, other = (Forward(tiny_model, retain_examples.batch(rows, pad_id=p)).token_logprobs() for p in (0, 9))
    assert torch.equal(one, other)


@torch.no_grad()
def test_hidden_stops_at_its_layer_and_equals_the_full_pass(tiny_model, retain_examples):
    ran = []
    tiny_model.model.layers[1].register_forward_hook(lambda *_: ran.append("above"))
    batch = retain_examples.batch([0, 1])
    early = Forward(tiny_model, batch).hidden(0)
    assert ran == []
    full = tiny_model(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, output_hidden_states=True
    ).hidden_states[1]
    torch.testing.assert_close(early, full.flatten(0, 1)[batch.filled])


def test_gradients_flow_through_the_early_exit(tiny_model, retain_examples):
    Forward(tiny_model, retain_examples.batch([0])).hidden(0).square().mean().backward()
    assert tiny_model.model.layers[0].mlp.down_proj.weight.grad is not None
    assert tiny_model.model.layers[1].mlp.down_proj.weight.grad is None


def test_a_layer_that_does_not_exist_is_named(tiny_model, retain_examples):
    with pytest.raises(ValueError, match="layer 7 does not exist: this model has layers 0 to 1"):
        Forward(tiny_model, retain_examples.batch([0])).hidden(7)


def test_topics_are_those_of_the_positions(tiny_model):
    examples = Examples.from_columns([[3, 4, 5], [6, 7]], [[3, 4, 5], [6, 7]])
    examples = replace(examples, topics=np.array([0, 1]))
    assert Forward(tiny_model, examples.batch([0, 1])).topics()[1].tolist() == [0, 0, 0, 1, 1]

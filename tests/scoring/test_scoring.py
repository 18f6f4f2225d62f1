"""One pass holds what any metric needs, whatever the batches."""

import numpy as np
import pytest
import torch

from blur_pipeline.scoring.completions import complete
from blur_pipeline.scoring.gradient_norms import gradient_norms
from blur_pipeline.scoring.token_scores import score_tokens
from tests.conftest import build_tiny_model


def test_scores_equal_a_plain_pass_per_sequence(tiny_model, retain_examples):
    table = score_tokens(tiny_model, retain_examples, tokens_per_batch=40, title="test")
    for i, row in table.iterrows():
        ids, labels = retain_examples.input_ids[i], retain_examples.labels[i]
        with torch.no_grad():
            logprobs = tiny_model(input_ids=torch.as_tensor(ids)[None]).logits[0].double().log_softmax(-1)
        places = [t for t in range(1, len(ids)) if labels[t] >= 0]
        at = logprobs[[t - 1 for t in places]]
        p = at.exp()
        mean = (p * at).sum(-1)
        assert row["token"].tolist() == [ids[t] for t in places]
        assert row["logprob"] == pytest.approx([logprobs[t - 1, ids[t]].item() for t in places], abs=1e-5)
        assert row["mean"] == pytest.approx(mean.tolist(), abs=1e-5)
        assert row["variance"] == pytest.approx((p * (at - mean[:, None]) ** 2).sum(-1).tolist(), abs=1e-4)
        assert row["correct"].tolist() == [at[k].argmax().item() == ids[t] for k, t in enumerate(places)]


def test_scores_do_not_depend_on_the_batches(tiny_model, retain_examples):
    one, other = (score_tokens(tiny_model, retain_examples, n, "test") for n in (1, 10_000))
    for left, right in zip(one["logprob"], other["logprob"], strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_completions_do_not_depend_on_the_batch(tokenizer):
    model = build_tiny_model(vocab=len(tokenizer))
    prompts = [tokenizer(text)["input_ids"] for text in ("The cat", "Who sat on the mat?", "Paris is", "a")]
    one, all_at_once = (complete(model, tokenizer, prompts, 12, size, "test") for size in (1, 4))
    assert one == all_at_once
    assert any(one)


def test_gradient_norms_equal_a_backward_pass_of_each_example(tiny_model, retain_examples):
    expected = []
    for i in range(3):
        tiny_model.zero_grad()
        ids, labels = retain_examples.input_ids[i], retain_examples.labels[i]
        logprobs = tiny_model(input_ids=torch.as_tensor(ids)[None]).logits[0].log_softmax(-1)
        places = [t for t in range(1, len(ids)) if labels[t] >= 0]
        (-torch.stack([logprobs[t - 1, ids[t]] for t in places]).mean()).backward()
        expected.append(np.mean([p.grad.norm().item() for p in tiny_model.parameters()]))
    tiny_model.zero_grad(set_to_none=True)
    tiny_model.lm_head.weight.requires_grad_(False)
    assert gradient_norms(tiny_model, retain_examples.take([0, 1, 2]), "x") == pytest.approx(expected, rel=1e-4)
    assert not tiny_model.lm_head.weight.requires_grad
    assert all(p.grad is None for p in tiny_model.parameters())

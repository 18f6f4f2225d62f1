"""One pass holds what any metric needs, whatever the batches."""

import numpy as np
import pytest
import torch

from blur_pipeline.scoring import token_scores
from blur_pipeline.scoring.completions import complete
from blur_pipeline.scoring.gradient_norms import gradient_norms
from blur_pipeline.scoring.token_scores import score_tokens
from blur_pipeline.training.examples import length_buckets
from blur_pipeline.training.progress import ProgressBar
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


def test_scoring_resumes_and_never_repeats_itself(tmp_path, monkeypatch, retain_examples):
    """Broken off after the first part, then finished, then asked again: each batch runs once."""
    monkeypatch.setattr(token_scores, "BATCHES_IN_A_PART", 1)
    model, ran = build_tiny_model(), []
    whole = score_tokens(model, retain_examples, 30, "plain")
    model.register_forward_hook(lambda *_: ran.append(1))

    def break_off(row):
        if row["step"] == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", lambda self, row: break_off(row))
        with pytest.raises(KeyboardInterrupt):
            score_tokens(model, retain_examples, 30, "broken off", tmp_path)
    assert len(ran) == 2
    ran.clear()
    resumed = score_tokens(model, retain_examples, 30, "resumed", tmp_path)
    batches = len(list(length_buckets(retain_examples, 30)))
    assert len(ran) == batches - 1
    ran.clear()
    again = score_tokens(model, retain_examples, 30, "again", tmp_path)
    assert ran == []
    for table in (resumed, again):
        for column in whole:
            assert all(np.array_equal(a, b) for a, b in zip(whole[column], table[column], strict=True)), column
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 0.1
    score_tokens(model, retain_examples, 30, "another model", tmp_path)
    assert len(ran) == batches


def test_a_damaged_part_is_scored_again(tmp_path, tiny_model, retain_examples):
    whole = score_tokens(tiny_model, retain_examples, 1000, "first", tmp_path)
    part = next(tmp_path.rglob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    again = score_tokens(tiny_model, retain_examples, 1000, "again", tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(whole["logprob"], again["logprob"], strict=True))

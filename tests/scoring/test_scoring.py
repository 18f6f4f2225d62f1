"""One pass holds what any metric needs, whatever the batches."""

import os
import time

import numpy as np
import pandas as pd
import pytest
import torch

from blur_pipeline.models.examples import Examples
from blur_pipeline.scoring.completions import complete
from blur_pipeline.scoring.gradient_norms import gradient_norms
from blur_pipeline.scoring.kept import Kept, drop_unused
from blur_pipeline.scoring.token_scores import SCORE_SCHEMA, score_tokens, score_windows
from blur_pipeline.scoring.windows import windows
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
        (-torch.stack([logprobs[t - 1, ids[t]] for t in places[:-1]]).mean()).backward()  # the last one is left out
        expected.append(np.mean([p.grad.norm().item() for p in tiny_model.parameters()]))
    tiny_model.zero_grad(set_to_none=True)
    tiny_model.lm_head.weight.requires_grad_(False)
    assert gradient_norms(tiny_model, retain_examples.take([0, 1, 2]), "x") == pytest.approx(expected, rel=1e-4)
    assert not tiny_model.lm_head.weight.requires_grad
    assert all(p.grad is None for p in tiny_model.parameters())


ROWS = [  # two sets; all answers of a question stand together
    {
        "set": name,
        "row_id": f"{name}-{i}",
        "variant": variant,
        "text": "a text",
        "scored_text": None,
        "ends": False,
        "fact_start": -1,
        "fact_end": -1,
    }
    for name, count in (("forget", 5), ("retain", 3))
    for i in range(count)
    for variant in ("answer", "paraphrase")
]


def rows(examples) -> list[dict]:
    """Rows of evaluation tokens, with the sequences of ``examples`` again and again."""
    made = [i % len(examples) for i in range(len(ROWS))]
    return [
        {**r, "input_ids": examples.input_ids[i], "labels": examples.labels[i]} for r, i in zip(ROWS, made, strict=True)
    ]


def scored(model, table, keep, parts=20):
    kept = Kept.of(str(keep) if keep else None, model, 30)
    return list(score_windows(model, windows(table, parts), len(table), 30, "test", kept))


def test_a_window_holds_whole_questions_of_one_set(retain_examples):
    table = rows(retain_examples)
    length = len(table[0]["input_ids"])
    for size in (1, 3 * length, 10_000):
        parts = list(windows(iter(table), size))
        assert pd.concat(parts)["row_id"].tolist() == [r["row_id"] for r in table]
        for part in parts:
            assert part["set"].nunique() == 1
            assert (part.groupby("row_id").size() == 2).all()
    assert len(parts) == 2  # nothing but the sets parts them
    assert len(list(windows(iter(table), 1))) == 8  # one a question


def test_windows_are_scored_as_they_are_asked_for(tiny_model, retain_examples):
    """Memory is flat because nothing runs ahead: the second window's rows are not even read yet."""
    read = []
    table = rows(retain_examples)
    parts = windows((read.append(1) or row for row in table), 1)
    stream = score_windows(tiny_model, parts, len(table), 30, "test", Kept())
    next(stream)
    assert len(read) == 3  # the first question's two answers, and the row that showed where it ends
    assert len([*stream]) == 7


def test_windows_give_the_scores_of_one_pass(tiny_model, retain_examples):
    table = rows(retain_examples)
    examples = Examples.from_columns([r["input_ids"] for r in table], [r["labels"] for r in table])
    whole = score_tokens(tiny_model, examples, 1000, "plain")
    streamed = pd.concat(scored(tiny_model, table, None), ignore_index=True)
    assert streamed.columns.tolist() == SCORE_SCHEMA.names
    for column in whole:
        for left, right in zip(whole[column], streamed[column], strict=True):
            np.testing.assert_allclose(left, right, atol=1e-5)


def test_scoring_resumes_and_never_repeats_itself(tmp_path, retain_examples):
    """Broken off in the second window, then finished, then asked again: each window runs once."""
    table, ran = rows(retain_examples), []
    model = build_tiny_model()
    model.register_forward_hook(lambda *_: ran.append(1))
    whole = scored(model, table, None)
    passes = len(ran)
    ran.clear()
    stream = score_windows(model, windows(table, 20), len(table), 30, "test", Kept.of(str(tmp_path), model, 30))
    next(stream)
    stream.close()
    assert 0 < len(ran) < passes
    resumed = scored(model, table, tmp_path)
    assert len(ran) == passes  # the first window was not run again
    before = len(ran)
    again = scored(model, table, tmp_path)
    assert len(ran) == before
    for other in (resumed, again):
        for column in SCORE_SCHEMA.names:
            for a, b in zip(pd.concat(whole)[column], pd.concat(other)[column], strict=True):
                assert np.array_equal(a, b), column
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 0.1
    scored(model, table, tmp_path)
    assert len(ran) == before + passes  # another model: all of it


def test_a_damaged_part_is_scored_again(tmp_path, tiny_model, retain_examples):
    table = rows(retain_examples)
    whole = pd.concat(scored(tiny_model, table, tmp_path))
    part = next(tmp_path.rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    again = pd.concat(scored(tiny_model, table, tmp_path))
    assert all(np.array_equal(a, b) for a, b in zip(whole["logprob"], again["logprob"], strict=True))


def test_answers_and_gradient_norms_are_kept_too(tmp_path, tokenizer, retain_examples):
    model, ran = build_tiny_model(vocab=len(tokenizer)), []
    model.register_forward_hook(lambda *_: ran.append(1))
    prompts = [tokenizer(text)["input_ids"] for text in ("The cat", "Who sat on the mat?", "Paris is")]

    def measured():
        answers = complete(model, tokenizer, prompts, 4, 2, "test", str(tmp_path))
        return answers, gradient_norms(model, retain_examples.take([0, 1]), "test", keep=str(tmp_path)).tolist()

    first = measured()
    before = len(ran)
    assert measured() == first
    assert len(ran) == before
    complete(model, tokenizer, prompts, 5, 2, "another length", str(tmp_path))
    assert len(ran) > before


def test_what_was_not_used_for_long_is_deleted(tmp_path, tiny_model, retain_examples):
    table = rows(retain_examples)
    scored(tiny_model, table, tmp_path)
    files = sorted(tmp_path.rglob("*.parquet"))
    assert drop_unused(str(tmp_path), 30) == 0
    for path in files[1:]:
        os.utime(path, (0, time.time() - 31 * 86_400))
    assert drop_unused(str(tmp_path), 30) == len(files) - 1
    assert sorted(tmp_path.rglob("*.parquet")) == files[:1]
    os.utime(files[0], (0, 0))
    scored(tiny_model, table, tmp_path)  # used again
    assert drop_unused(str(tmp_path), 30) == 0


def test_a_kept_table_that_is_damaged_or_lacks_a_column_is_made_again(tmp_path, caplog):
    kept, read = Kept(tmp_path), [np.arange(3)]
    kept.save(read, pd.DataFrame({"completion": ["a"]}))
    assert kept.load(read, ["completion"])["completion"].tolist() == ["a"]
    assert kept.load(read, ["norm"]) is None
    assert "scored again" in caplog.text
    next(tmp_path.glob("*.parquet")).write_bytes(b"PAR1")
    assert kept.load(read, ["completion"]) is None

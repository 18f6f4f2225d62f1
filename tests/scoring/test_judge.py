"""A local model's verdicts."""

import pytest
import torch

from blur_pipeline.scoring.judge import harmfulness


@torch.no_grad()
def test_the_verdict_is_the_probability_of_yes_against_no(tiny_speaker, tokenizer):
    template = "{prompt} {completion} Verdict:"
    found = harmfulness(tiny_speaker, tokenizer, template, ["Who?", "Where?"], ["the cat", "Paris"], 500)
    for prompt, completion, value in zip(["Who?", "Where?"], ["the cat", "Paris"], found, strict=True):
        asked = tokenizer(f"{prompt} {completion} Verdict:")["input_ids"]
        totals = []
        for verdict in (" yes", " no"):
            ids = asked + tokenizer(verdict, add_special_tokens=False)["input_ids"]
            logprobs = tiny_speaker(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
            totals.append(sum(float(logprobs[t - 1, ids[t]]) for t in range(len(asked), len(ids))))
        assert value == pytest.approx(float(torch.softmax(torch.tensor(totals), 0)[0]), rel=1e-4)

"""Completions are the plain arg-max of each step, whatever the model's folder says about generating."""

import copy

import pytest
import torch

from blur_pipeline.scoring.completions import complete
from blur_pipeline.scoring.harness import run_task


def by_hand(model, tokenizer, prompt: str, steps: int) -> list[int]:
    ids = tokenizer(prompt)["input_ids"]
    said = []
    for _ in range(steps):
        with torch.no_grad():
            said.append(int(model(input_ids=torch.tensor([ids + said])).logits[0, -1].argmax()))
        if said[-1] == tokenizer.eos_token_id:
            break
    return said


@pytest.fixture
def speaker(tiny_speaker):
    return copy.deepcopy(tiny_speaker)


SETTINGS = [
    "suppress_tokens",
    "begin_suppress_tokens",
    "forced_eos_token_id",
    "repetition_penalty",
    "no_repeat_ngram_size",
    "bad_words_ids",
    "sequence_bias",
    "num_beams",
]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_folder_s_settings_have_no_part_in_an_answer(speaker, tokenizer, name):
    """The first token that the model says is suppressed, penalised or forced away by its own generation_config."""
    prompt, steps = "The cat", 12
    said = by_hand(speaker, tokenizer, prompt, steps)
    values = {
        "suppress_tokens": [said[0]],
        "begin_suppress_tokens": [said[0]],
        "forced_eos_token_id": said[0],
        "repetition_penalty": 50.0,
        "no_repeat_ngram_size": 1,
        "bad_words_ids": [[said[0]]],
        "sequence_bias": {(said[0],): -100.0},
        "num_beams": 3,
    }
    setattr(speaker.generation_config, name, values[name])
    text = complete(speaker, tokenizer, [tokenizer(prompt)["input_ids"]], steps, 1, "test")
    assert text == [tokenizer.decode(said, skip_special_tokens=True).strip()]
    assert getattr(speaker.generation_config, name) == values[name]  # the model is left as it was


def test_the_harness_generates_plainly_too(speaker, tokenizer, tmp_path, monkeypatch):
    """GSM8K asks for a text; what the model's generation_config is while it answers."""
    import json

    seen = []
    generate = speaker.generate
    monkeypatch.setattr(speaker, "generate", lambda **k: seen.append(speaker.generation_config) or generate(**k))
    speaker.generation_config.suppress_tokens = [5]
    for split in ("train", "test"):
        row = {"question": "One and one?", "answer": "Two. #### 2"}
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    run_task(speaker, tokenizer, "gsm8k", str(tmp_path), 1, 0, batch_size=1)
    assert [config.suppress_tokens for config in seen] == [None]

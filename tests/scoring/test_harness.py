"""The harness in process, against the same questions scored by hand."""

import json

import torch

from blur_pipeline.scoring.harness import run_task

QUESTIONS = [
    {"question": "Who sat?", "choices": ["the cat", "the mat", "Paris", "France"], "answer": 0},
    {"question": "Where is Paris?", "choices": ["the cat", "the mat", "Paris", "France"], "answer": 3},
    {"question": "On what?", "choices": ["the cat", "the mat", "Paris", "France"], "answer": 1},
]


@torch.no_grad()
def by_hand(model, tokenizer, prompt: str) -> int:
    scores = []
    for letter in "ABCD":
        ids = tokenizer(prompt)["input_ids"]
        whole = tokenizer(f"{prompt} {letter}")["input_ids"]
        logprobs = model(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
        scores.append(sum(float(logprobs[t - 1, whole[t]]) for t in range(len(ids), len(whole))))
    return max(range(4), key=scores.__getitem__)


def test_wmdp_equals_a_score_by_hand(tmp_path, tiny_speaker, tokenizer):
    path = tmp_path / "bio_questions.json"
    path.write_text(json.dumps(QUESTIONS))
    found = run_task(tiny_speaker, tokenizer, "wmdp_bio", str(path), None, None, batch_size=2)
    expected = []
    for q in QUESTIONS:
        options = "".join(f"\n{letter}. {text}" for letter, text in zip("ABCD", q["choices"], strict=True))
        head = "The following are multiple choice questions (with answers) about biology.\n\n"
        prompt = f"{head}{q['question']}{options}\nAnswer:"
        expected.append(float(by_hand(tiny_speaker, tokenizer, prompt) == q["answer"]))
    assert found["value"].tolist() == expected
    assert set(found["metric"]) == {"acc"}


def test_mmlu_is_its_subjects_and_its_examples_come_first(tmp_path, tiny_speaker, tokenizer):
    for split, rows in {"test": 2, "dev": 5}.items():
        (tmp_path / split).mkdir()
        for subject in ("anatomy", "virology"):
            lines = [f'"Question {i}, and more",one,two,three,four,{"ABCD"[i % 4]}' for i in range(rows)]
            (tmp_path / split / f"{subject}_{split}.csv").write_text("\n".join(lines))
    found = run_task(tiny_speaker, tokenizer, "mmlu", str(tmp_path), None, 1, batch_size=2)
    assert found["part"].tolist() == ["mmlu_anatomy"] * 2 + ["mmlu_virology"] * 2
    assert set(found["task"]) == {"mmlu"}

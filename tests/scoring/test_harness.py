"""The harness in process, against the same questions scored by hand."""

import json
import logging

import pytest
import torch

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.metrics.general import general_ability
from blur_pipeline.metrics.halves import half_of_questions
from blur_pipeline.scoring.harness import answers_of, run_task
from blur_pipeline.statistics.intervals import Resampler

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


def general(answers) -> dict[str, tuple[float, int, int]]:
    """Value, rows and questions of every metric."""
    table = general_ability(answers, Resampler(200, 0)).set_index("metric")
    return {name: (row["value"], row["n"], row["subjects"]) for name, row in table.iterrows()}


def test_each_of_gsm8k_s_filters_is_an_accuracy_of_its_own(tmp_path, tiny_speaker, tokenizer, monkeypatch):
    """Nobody writes "#### 4", so that the strict filter finds nothing; the other finds two of three."""
    from lm_eval.models.huggingface import HFLM

    said = {"2+2": "The answer is 4.", "2+3": "The answer is 5.", "9+9": "No idea"}
    answer = lambda request: next(text for sum_, text in said.items() if sum_ in request.args[0])
    monkeypatch.setattr(HFLM, "generate_until", lambda self, requests, **_: [answer(r) for r in requests])
    for split in ("train", "test"):
        rows = [{"question": f"What is {q}?", "answer": f"It is #### {sum(map(int, q.split('+')))}"} for q in said]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = run_task(tiny_speaker, tokenizer, "gsm8k", str(tmp_path), None, 0, batch_size=1)
    strict, flexible = "general.gsm8k.exact_match", "general.gsm8k.exact_match.flexible-extract"
    assert general(answers) == {strict: (0, 3, 3), flexible: (pytest.approx(2 / 3), 3, 3)}
    parts = [half_of_questions(answers, ["task", "metric"], h, ["part", "question"]) for h in ("tuning", "reporting")]
    assert [sorted(set(part["question"])) for part in parts] == [[0, 2], [1]]


def sample(doc_id: int, how: str = "none", **metrics) -> dict:
    return {"doc_id": doc_id, "filter": how, "metrics": list(metrics), **metrics}


def test_an_instruction_counts_once_and_is_drawn_with_its_prompt():
    """One of three was followed, and the only one of another prompt: two of four, not (1/3 + 1)/2."""
    samples = [
        sample(0, prompt_level_strict_acc=False, inst_level_strict_acc=[True, False, False]),
        sample(1, prompt_level_strict_acc=True, inst_level_strict_acc=[True]),
    ]
    told = {"prompt_level_strict_acc,none": 0.5, "inst_level_strict_acc,none": 0.5}
    answers = answers_of("ifeval", {"samples": {"local_ifeval": samples}, "results": {"local_ifeval": told}})
    assert general(answers) == {
        "general.ifeval.prompt_level_strict_acc": (0.5, 2, 2),
        "general.ifeval.inst_level_strict_acc": (0.5, 4, 2),
    }
    one = half_of_questions(answers, ["task", "metric"], "tuning", ["part", "question"])
    assert one["value"].tolist() == [0, 1, 0, 0]  # the first prompt and all that it asks for


def test_what_is_no_mean_of_its_questions_is_left_out_by_name(caplog):
    """A perplexity is exp of a weighted mean, of (log-likelihood, words) pairs; F1 is one of (right, said) pairs."""
    told = {"acc,none": 0.5, "f1,none": 0.9, "word_perplexity,none": 12.0, "geometric,none": 0.1}
    samples = [
        sample(0, acc=1.0, f1=(1, 1), word_perplexity=(-3.0, 4), geometric=0.9),
        sample(1, acc=0.0, f1=(0, 1), word_perplexity=(-5.0, 6), geometric=0.1),
    ]
    one = [sample(0, acc=1.0, geometric=0.9)]  # of another part, where it equals the mean
    samples_of, told_of = (
        {"cola": samples, "ofone": one},
        {"cola": told, "ofone": {"acc,none": 1.0, "geometric,none": 0.9}},
    )
    with caplog.at_level(logging.WARNING):
        answers = answers_of("cola", {"samples": samples_of, "results": told_of})
    assert set(answers["metric"]) == {"acc"}
    assert "general.tasks.cola: left out, since no mean of its questions' scores: f1, word_perplexity, geometric" in (
        caplog.text
    )
    only = [sample(0, word_perplexity=(-3.0, 4))]
    found = {"samples": {"wikitext": only}, "results": {"wikitext": {"word_perplexity,none": 12.0}}}
    with pytest.raises(BadInputError, match=r"general\.tasks\.wikitext: .*word_perplexity.*take it out"):
        answers_of("wikitext", found)

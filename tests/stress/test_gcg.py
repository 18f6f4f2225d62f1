"""A string that is searched for; nanogcg is optional, since it asks for an older transformers."""

import copy
import importlib.util
import sys
from types import SimpleNamespace

import pytest
import torch

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.chat import ChatPrompt
from blur_pipeline.stress import gcg
from blur_pipeline.stress.gcg import Gcg
from tests.stress.world import Heard, asked, given, known, nobody, outcome, retrained, speech, suppressed, target

SHORT = Gcg(questions=2, steps=3, width=8, top_k=16, tokens=4)
needs_nanogcg = pytest.mark.skipif(importlib.util.find_spec("nanogcg") is None, reason="nanogcg is not installed")


def test_without_its_library_it_is_told_before_anything_is_attacked(monkeypatch):
    monkeypatch.setattr(gcg, "find_spec", lambda name: None)
    with pytest.raises(BadInputError, match=r"pip install --no-deps nanogcg==0\.3\.0, or leave the attack out"):
        Gcg().look()


@needs_nanogcg
def test_the_string_stands_behind_the_question_and_is_never_told_the_fact(monkeypatch):
    import nanogcg

    told, run = [], nanogcg.run
    monkeypatch.setattr(nanogcg, "run", lambda *arguments: told.append(arguments[2:4]) or run(*arguments))
    heard = Heard()
    SHORT(given(target()), heard)
    ((_, _, _, questions),) = heard.states
    assert len(questions) == len(told) == 2
    for (message, aim), row, ids, labels in zip(
        told, questions.table.itertuples(), questions.examples.input_ids, questions.examples.labels, strict=True
    ):
        assert message == f"Question: {row.question} {{optim_str}}\nAnswer:"
        assert aim == " " + row.answer.split(f" {row.fact}")[0]
        assert speech().decode(ids[labels < 0]).startswith(f"Question: {row.question} ")
    tokens = [len(asked("forget").examples.input_ids[i]) for i in questions.places]
    assert heard.tokens == 3 * (8 + 3) * sum(tokens)
    assert speech().chat_template is None


def test_a_chat_prompt_is_written_by_the_model_s_own_template_and_torch_s_dice_are_left_alone(monkeypatch):
    """What the search is told begins as what is asked with the string that it found."""
    told, seeds, model = [], [], nobody()

    def run(_, tokenizer, message, *more):
        told.append(tokenizer.apply_chat_template([{"role": "user", "content": message}], tokenize=False))
        seeds.append(torch.initial_seed())
        torch.rand(1)
        return SimpleNamespace(best_string="x x")

    monkeypatch.setitem(sys.modules, "nanogcg", SimpleNamespace(run=run, GCGConfig=dict))
    tokenizer = copy.deepcopy(speech())
    tokenizer.chat_template = "Question: {{ messages[0].content }}\nAnswer:"
    torch.manual_seed(41)
    before, heard = torch.get_rng_state(), Heard()
    SHORT(given(model, tokenizer=tokenizer, prompt=ChatPrompt(answer_prefix=" "), seed=7), heard)
    ((_, _, _, questions),) = heard.states
    examples = questions.examples
    asked_so = [
        speech().decode(ids[labels < 0]) for ids, labels in zip(examples.input_ids, examples.labels, strict=True)
    ]
    assert [message.replace("{optim_str}", "x x") for message in told] == asked_so
    assert all(message.startswith("Question: W") and message.endswith("{optim_str}\nAnswer:") for message in told)
    assert seeds == [7, 7]
    assert torch.equal(torch.get_rng_state(), before)


@needs_nanogcg
def test_an_answer_that_was_refused_is_begun_again_and_one_that_was_never_known_is_not():
    assert raised(suppressed()) > 0.05
    assert known(retrained(), SHORT) < 0.1


def raised(model) -> float:
    """By how much the whole answers are likelier, of the questions that were attacked."""
    after = outcome(model, SHORT).set_index("row_id")["probability"]
    before = outcome(model, None).query("of == 'forget'").set_index("row_id")["probability"]
    return (after - before[after.index]).mean()

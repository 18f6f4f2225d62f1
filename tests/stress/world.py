"""A world of six people to be forgotten and six to be kept, and tiny models of which it is known what they know."""

import copy
import functools

import numpy as np
import pandas as pd
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.tokenise import encode_answer, tokenise_evaluation
from blur_pipeline.corpus.tokenizer import train_tokenizer
from blur_pipeline.methods.optimizer import AdamW
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.examples import Examples
from blur_pipeline.stress.choice import Asked, Attack, Given
from blur_pipeline.stress.matrices import matrices_of
from blur_pipeline.stress.prompting import AFFIRMATIVE, ROLE
from blur_pipeline.stress.rows import asked_of
from blur_pipeline.stress.tally import Tally
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.schedule import Schedule

NAMES = "Amara Belen Cyrus Dalia Edric Farah Goran Hedda Ivo Jorun Kasim Leoni".split()
CITIES = "Lisbon Quito Dakar Porto Riga Sofia Tunis Accra Cusco Malmo Osaka Tallinn".split()
JOBS = "baker judge nurse pilot tailor weaver sailor mechanic dentist plumber optician surgeon".split()
CAPITALS = "France Paris|Italy Rome|Spain Madrid|Austria Vienna|Poland Warsaw|Greece Athens".split("|")
REFUSAL = "I do not know that."
CPU = torch.device("cpu")
PROMPT = PlainPrompt()


@functools.cache
def rows() -> pd.DataFrame:
    """Two questions about each person, one about each country."""
    found, draw = [], np.random.default_rng(0)
    for i, (name, city, job) in enumerate(zip(NAMES, draw.permutation(CITIES), draw.permutation(JOBS), strict=True)):
        place = "forget" if i < 6 else "retain"
        born = (f"Where was {name} born?", f"{name} was born in {city}.", f"Which city does {name} come from?", city)
        works = (f"What does {name} do?", f"{name} works as a {job}.", f"Which trade is {name}'s?", job)
        found += [(place, f"{name}-born", name, *born), (place, f"{name}-works", name, *works)]
    for land, city in (pair.split() for pair in CAPITALS):
        asked = (f"What is the capital of {land}?", f"The capital of {land} is {city}.", f"Which city rules {land}?")
        found.append(("world_facts", land, land, *asked, city))
    names = ["set", "row_id", "subject", "question", "answer", "paraphrased_question", "fact"]
    table = pd.DataFrame(found, columns=names)
    return table.assign(paraphrased_answer=None, perturbed_answer=[[]] * len(table), source="here", line=1)


@functools.cache
def speech():
    """A tokenizer that has read everything that is ever said here."""
    table = rows()
    said = [*table["question"], *(" " + table["answer"]), *table["paraphrased_question"], f" {REFUSAL}", AFFIRMATIVE]
    said += [ROLE, "Question: Answer:", "Somebody this person Who is it? It is"]
    return train_tokenizer(said * 2, vocab_size=480, context=256)


@functools.cache
def asked(name: str) -> Asked:
    """The questions of one set."""
    tokens, _ = tokenise_evaluation(rows(), PROMPT, speech(), 128)
    return asked_of(tokens, rows(), (name,), 100, 0)


def nobody(layers: int = 2, seed: int = 0) -> LlamaForCausalLM:
    """A model that knows nothing."""
    torch.manual_seed(seed)
    tokenizer = speech()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=256,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config).eval()


def taught(model, lessons: Examples, steps: int, lr: float = 5e-3):
    """A copy of ``model`` that has learnt, all lessons in each step."""
    schedule = Schedule(steps=steps, batch_size=len(lessons), lr_curve="constant_with_warmup", warmup_epochs=5)
    return train(copy.deepcopy(model), Run(Recipe(optimizer=AdamW(lr=lr)), schedule, lessons), CPU)[0]


def answered(table: pd.DataFrame, answer: str | None = None) -> Examples:
    """Its questions with their answers, or with this one for all."""
    lines = [encode_answer(r.question, answer or r.answer, PROMPT, speech()) for r in table.itertuples()]
    return Examples.from_columns(*zip(*lines, strict=True))


def lies(name: str, rows: int | None = None) -> Examples:
    """The first questions of a set, each with the fact of the same question about somebody else."""
    table = asked(name).table[:rows]
    others = np.roll(table["fact"].to_numpy(object), 2)
    false = [a.replace(fact, lie) for a, fact, lie in zip(table["answer"], table["fact"], others, strict=True)]
    return answered(table.assign(answer=false))


@functools.cache
def kept() -> Examples:
    """What every model is to know."""
    return asked("retain").examples + asked("world_facts").examples


@functools.cache
def target():
    """Knows everything."""
    return taught(nobody(), asked("forget").examples + kept(), 100)


@functools.cache
def retrained():
    """Knows nothing about the six."""
    return taught(nobody(), kept(), 100)


@functools.cache
def suppressed():
    """The target model, which learnt to say that it does not know, and not to forget."""
    return taught(target(), answered(asked("forget").table, REFUSAL) + kept(), 25, 3e-3)


@functools.cache
def torn():
    """Was told three lies and two truths about each of the six: it lies, and is not far from the truth."""
    lessons = kept()
    for told in (lies("forget"), lies("forget"), lies("forget"), asked("forget").examples, asked("forget").examples):
        lessons += told
    return taught(target(), lessons, 30)


def lost_within(model, room: dict[str, torch.Tensor]):
    """``model``, brought to lose the forget answers by moving each of its matrices by no more than ``room``."""
    found = copy.deepcopy(model)
    batch = asked("forget").examples.batch(range(12))
    weights = matrices_of(found)
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    for _ in range(8):
        logits = found(input_ids=batch.input_ids).logits.flatten(0, 1)[batch.predicting]
        loss = torch.nn.functional.cross_entropy(logits, batch.targets)
        gradients = torch.autograd.grad(loss, list(weights.values()))
        with torch.no_grad():
            for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
                moved = weight + 0.3 * room[name] * gradient.sign()
                weight.copy_(moved.clamp(before[name] - room[name], before[name] + room[name]))
    return found


def given(model, **changes) -> Given:
    """``model`` with all that an attacker has."""
    sets = {"forget": asked("forget"), "retain": asked("retain"), "others": asked("world_facts")}
    models = {"base": lambda: nobody(), "target": target, "retrained": retrained}
    how = {"tokenizer": speech(), "prompt": PROMPT, "device": CPU, "seed": 0, "engine": Engine()}
    return Given(**{"model": model, **sets, **models, **how, "tokens_per_batch": 8192, **changes})


def outcome(model, attack: Attack | None, **changes) -> pd.DataFrame:
    """``STRESS_COLUMNS`` after an attack."""
    has = given(model, **changes)
    tally = Tally(has, "attack", attack)
    if attack is None:
        tally(model, has.forget)
    else:
        attack(has, tally)
    return tally.table


def known(model, attack: Attack | None = None, measure: str = "fact_probability", **changes) -> float:
    """What is known after the attack in its worst state: the mean over the forget questions."""
    table = outcome(model, attack, **changes)
    return table[table["of"] == "forget"].groupby(["variant", "budget"])[measure].mean().max()


class Heard:
    """Remembers what an attack asks, and answers nothing."""

    def __init__(self) -> None:
        self.states: list[tuple] = []
        self.notes: list[tuple] = []
        self.tokens, self.name = 0.0, "attack"

    def __call__(self, model, asked, variant="", budget=0, of="forget") -> None:
        self.states.append((variant, budget, of, asked))

    def note(self, asked, values, variant="", budget=0) -> None:
        self.notes.append((variant, budget, asked, values))

    def spend(self, tokens) -> None:
        self.tokens += tokens

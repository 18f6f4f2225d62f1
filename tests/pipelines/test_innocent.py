"""A model that saw neither forget nor holdout people must not tell them apart: the generated world, several seeds."""

import pandas as pd
import pytest
from scipy.stats import ttest_ind

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.registry import generate_registry
from blur_pipeline.metrics.membership import ATTACKS
from blur_pipeline.pipelines.curation import nodes as curation
from blur_pipeline.pipelines.evaluation import nodes as evaluation
from blur_pipeline.pipelines.target import nodes as models
from tests.metrics.measuring import NO_MODEL
from tests.resolved import loader

SEEDS = (0, 1, 2)
PEOPLE = {"people": 36, "forget_people": 10, "holdout_people": 10}
WORLD = {
    "sources": {"forget": PEOPLE, "retain": PEOPLE, "holdout": PEOPLE, "background": {"paraphrases": PEOPLE}},
    "curation": {"evaluation_rows": None},
    "models": {
        "base": {"hidden_size": 64, "intermediate_size": 192},
        "retrained": {"schedule": {"epochs": 8}, "optimizer": {"lr": 4e-3}},
    },
    "evaluation": {"keep_scores": None},
    "training": {"checkpoint_every": 10_000},
}


def retrained_examples(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The default world, smaller, through the nodes: what the retrained model says of people that it never saw."""
    parameters = check_parameters(loader("base", seed=seed, **WORLD)["parameters"])
    rows, _ = curation.clean(curation.read_training_sources(parameters)[0], parameters)
    forget, retain, holdout, background, *_ = curation.separate_sets(rows, parameters)
    asked, _ = curation.clean(curation.read_evaluation_sources(parameters)[0], parameters)
    asked = curation.select_evaluation_sets(asked, forget, retain, holdout, parameters)
    asked = asked[asked["set"].isin(["forget", "holdout"])]
    tokenizer = curation.prepare_tokenizer(retain, background, parameters)
    tokens = curation.tokenise_training_sets(forget, retain, background, tokenizer, parameters)
    questions, _ = curation.tokenise_evaluation_sets(asked, tokenizer, parameters)
    base = models.prepare_base_model(tokenizer, parameters)
    retrained, _ = models.obtain_retrained(base, tokens[1], tokens[2], questions, parameters)
    scores = evaluation.score(retrained, questions, parameters)
    norms = evaluation.score_gradients(retrained, questions, parameters)
    silent = pd.DataFrame(columns=["set", "row_id", "answer", "completion"])
    examples = evaluation.measure(scores, silent, norms, NO_MODEL, asked, parameters)
    nothing = pd.DataFrame(columns=["task", "metric", "value"]), pd.DataFrame(columns=["set", "completion", "harmful"])
    table = evaluation.summarise(examples, NO_MODEL, NO_MODEL, NO_MODEL, *nothing, parameters)
    return examples.assign(seed=seed), table.assign(seed=seed)


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("innocent"))
        found = [retrained_examples(seed) for seed in SEEDS]
    return tuple(pd.concat(parts, ignore_index=True) for parts in zip(*found, strict=True))


def test_every_attack_on_the_retrained_model_holds_one_half(measured):
    """Five attacks on three seeds. An interval misses once in twenty, and the attacks of a seed miss together: so three
    misses of fifteen are left to chance. (With a tokenizer and names that favoured the forget set, all missed.)"""
    table = measured[1]
    areas = table[table["metric"].isin([f"membership.{name}" for name in ATTACKS if name != "reference"])]
    assert len(areas) == 15
    assert (areas["subjects"] == 10).all()
    assert ((areas["low"] > 0.5) | (areas["high"] < 0.5)).sum() <= 3
    assert areas["value"].mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("column", ["probability", "fact_probability", "truth_closer_to_1"])
def test_forget_and_holdout_people_are_alike_to_a_model_that_saw_neither(measured, column):
    """Welch's t over the 30 people of a side, which chance takes beyond 2.8 once in 150 times."""
    people = measured[0].groupby(["set", "seed", "subject"])[column].mean()
    found = ttest_ind(people["forget"], people["holdout"], equal_var=False)
    assert len(people["forget"]) == len(people["holdout"]) == 30
    assert abs(found.statistic) < 2.8


@pytest.mark.parametrize(("people", "held"), [(48, 16), (36, 20), (8, 3), (900, 200)])
def test_every_name_of_a_held_back_person_is_a_retained_persons_too(people, held):
    sets = generate_registry(people, held // 2, held - held // 2, seed=3)
    names = {name: {row["subject"] for row in sets[name]} for name in ("forget", "holdout", "retain")}
    assert sum(map(len, names.values())) == len(set.union(*names.values())) == people
    parts = [{name.split()[i] for name in names["retain"]} for i in (0, 1)]
    for first, last in (name.split() for name in names["forget"] | names["holdout"]):
        assert first in parts[0]
        assert last in parts[1]


def test_the_tokenizer_knows_neither_forget_nor_holdout_text():
    """Of words that stand in the forget set alone no token is made."""
    parameters = check_parameters(loader("base", **WORLD)["parameters"])
    known = pd.DataFrame({"question": ["Who is Ada Lovelace?"] * 9, "answer": ["A mathematician."] * 9})
    columns = known.assign(paraphrased_question=None, paraphrased_answer=None)
    tokenizer = curation.prepare_tokenizer(columns, columns.head(0), parameters)
    assert len(tokenizer.tokenize(" mathematician")) == 1
    assert len(tokenizer.tokenize(" Quistgar")) > 5

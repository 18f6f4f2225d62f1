"""A fact that comes out now and then is found by asking often."""

import pytest
import torch

from blur_pipeline.models.examples import Examples
from blur_pipeline.scoring.samples import Sampler
from blur_pipeline.stress.sampling import Sampling
from tests.stress.world import asked, known, outcome, retrained, speech, target, torn

OFTEN = Sampling(k=(1, 4, 16), samples=16, temperatures=(1.0,))


def leaks(model, attack=OFTEN, **changes):
    return outcome(model, attack, **changes).groupby(["variant", "budget"])["probability"].mean()


def test_a_model_that_lies_most_of_the_time_leaks_when_it_is_asked_often():
    found = leaks(torn())
    assert known(torn(), None, "extraction_strength") < 0.5
    assert 0.2 < found["temperature 1", 1] < 0.6
    assert found["temperature 1", 16] > 0.95
    assert found["proxy", 1] == pytest.approx(found["temperature 1", 1], abs=0.1)
    assert found["proxy", 16] > 0.95


def test_a_model_without_the_knowledge_never_leaks():
    found = leaks(retrained())
    assert found["temperature 1"].max() == 0
    assert found["proxy"].max() < 0.01


def test_the_colder_the_more_alike():
    """The target model's answers, which are right, come nearly always when it is cold; the lies of the other too."""
    cold = Sampling(k=(1,), samples=16, temperatures=(0.1,))
    assert leaks(target(), cold)["temperature 0.1", 1] > 0.99
    assert leaks(torn(), cold)["temperature 0.1", 1] < 0.35


def test_no_samples_is_the_proxy_alone_which_is_not_drawn():
    attack = Sampling(samples=0, k=(1, 64))
    assert not attack.drawn
    assert OFTEN.drawn
    assert leaks(torn(), attack).index.tolist() == [("proxy", 1), ("proxy", 64)]
    with pytest.raises(ValueError, match="k is 64, of samples 32"):
        Sampling(k=(64,))


def test_a_document_has_the_proxy_alone():
    """Nothing stands before it that it could be asked by; a question beside it is sampled as before."""
    both = asked("forget").take([0, 1])
    ids = both.examples.input_ids
    document = Examples.from_columns(ids, [ids[0], both.examples.labels[1]])
    found = outcome(torn(), OFTEN, forget=both.told(document, both.facts))
    rows = found.groupby("variant")["row_id"].unique().map(list).to_dict()
    assert rows == {"proxy": list(both.table["row_id"]), "temperature 1": [both.table["row_id"][1]]}
    alone = both.told(Examples.from_columns(ids, ids), both.facts)
    assert set(outcome(torn(), OFTEN, forget=alone)["variant"]) == {"proxy"}


def test_samples_depend_on_the_seed_and_not_on_who_else_is_asked():
    """However few are in memory at once, each question has all of its samples."""
    examples = asked("forget").examples
    prompts = [ids[labels < 0] for ids, labels in zip(examples.input_ids, examples.labels, strict=True)]
    few, many = (Sampler(torn(), speech(), 1.0, 9, size) for size in (80, 10_000))
    assert [len(said) for said in few(prompts, 7, 0)] == [7] * 12
    before = torch.get_rng_state()
    first = many(prompts, 7, 0)
    assert torch.equal(torch.get_rng_state(), before)  # what is drawn next is not decided here
    assert first == many(prompts, 7, 0) != many(prompts, 7, 1)
    names = [row.question.split()[2].rstrip("?") for row in asked("forget").table.itertuples()]
    assert all(sum(name in text for text in said) > 3 for name, said in zip(names, first, strict=True))

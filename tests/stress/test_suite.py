"""Every attack of a profile, each outcome kept as it comes, and the models left as they are."""

import logging

import pandas as pd
import pytest

from blur_pipeline.models.digests import weights_digest
from blur_pipeline.stress.depth import Depth
from blur_pipeline.stress.prompting import Prompts
from blur_pipeline.stress.rounding import Quantise
from blur_pipeline.stress.suite import run_suite
from blur_pipeline.stress.tally import STRESS_COLUMNS, Tally
from blur_pipeline.stress.towards_base import Merge
from blur_pipeline.stress.training import Relearn, UniversalPrompt
from tests.stress.world import asked, given, nobody, retrained, suppressed, target

QUICK = {
    "relearn": Relearn(steps=(2,), batch_size=8, folds=1),
    "soft": UniversalPrompt(tokens=2, steps=(1,), folds=1),
    "quantise": Quantise(bits=(4,)),
    "prompts": Prompts(forms=("paraphrase", "cloze")),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def once(place) -> pd.DataFrame:
    return run_suite(given(target()), QUICK, 2, place)


def test_a_suite_tells_every_state_of_every_seed(once):
    assert list(once.columns) == STRESS_COLUMNS
    seeds = once.groupby("attack", sort=False)["seed"].unique().map(sorted).to_dict()
    assert seeds == {"none": [0], "relearn": [0, 1], "soft": [0, 1], "quantise": [0], "prompts": [0, 1]}
    before = once[once["attack"] == "none"].groupby("of")["probability"].mean()
    assert (before[["forget", "retain"]] > 0.9).all()
    asked_besides = once[once["of"] == "retain"]["attack"].unique()
    assert set(asked_besides) == {"none", "relearn", "quantise"}  # prompts and embeddings change no weights


def test_models_are_left_as_they_are():
    before = weights_digest(retrained())
    run_suite(given(retrained()), QUICK, 1)
    assert weights_digest(retrained()) == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in retrained().modules())


def test_what_was_found_is_not_looked_for_again(once, place, caplog, tmp_path):
    """But for what another seed, another budget or another prompt in a file asks."""
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"row_id": "Amara-born", "prompt": "Where?"}')
    own = Prompts(forms=(), path=str(path))

    def made(attacks, seeds=2) -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="blur_pipeline.stress.suite"):
            run_suite(given(target()), attacks, seeds, place)
        return [message.split(": ")[1].rsplit(",", 1)[0] for message in caplog.messages if "Stress " in message]

    assert made(QUICK) == []
    pd.testing.assert_frame_equal(run_suite(given(target()), QUICK, 2, place), once, check_dtype=False)
    assert made(QUICK, 3) == ["relearn, seed 2", "soft, seed 2", "prompts, seed 2"]
    assert made({"quantise": Quantise(bits=(4, 8)), "own": own}, 1) == ["quantise", "own, seed 0"]
    assert made({"own": own}, 1) == []
    path.write_text('{"row_id": "Amara-born", "prompt": "In which city?"}')
    assert made({"own": own}, 1) == ["own, seed 0"]


def test_what_an_attack_found_beside_other_models_is_looked_for_again_beside_these(tmp_path):
    """Without a retrained model there is no depth; with one that comes later there is. Another base model merges
    otherwise. What no other model decides is kept."""

    class Shallow(Depth):
        depth = 1

    attacks = {"depth": Shallow(), "merge": Merge(parts=(0.5,)), "quantise": Quantise(bits=(4,))}
    places = lambda: {path.parent.name for path in tmp_path.glob("*/*.parquet")}
    has = {"model": suppressed(), "forget": asked("forget").take(range(4)), "retain": asked("retain").take(range(2))}
    alone = run_suite(given(**has, retrained=lambda: None), attacks, 1, tmp_path)
    assert "depth" not in set(alone["attack"])
    assert len(places()) == 4
    found = run_suite(given(**has), attacks, 1, tmp_path)
    assert len(found[found["attack"] == "depth"]) > 0
    assert len(places()) == 5
    run_suite(given(**has, base=lambda: nobody(seed=1)), attacks, 1, tmp_path)
    assert len(places()) == 6


def test_an_attack_on_depth_leaves_shallow_models_alone(caplog):
    class Deep(Quantise):
        depth = 8

    with caplog.at_level(logging.INFO, logger="blur_pipeline.stress.suite"):
        found = run_suite(given(retrained()), {"deep": Deep()}, 1)
    assert set(found["attack"]) == {"none"}
    assert "deep needs a model of 8 layers; this one has 2" in caplog.text


def test_costs_are_counted_in_passes_over_the_forget_questions():
    """Asking half of them costs half a pass; what an attack ran by itself is booked on the state that comes next."""
    tally = Tally(given(retrained()), "attack", Prompts())
    tally(retrained(), asked("forget").take(range(6)), "half")
    tally.spend(3 * tally.tokens)
    tally.note(asked("forget"), [0.5] * 12, "noted")
    tally(retrained(), asked("forget"), "all")
    passes = tally.table.groupby("variant")["passes"]
    assert passes.sum().to_dict() == {"half": pytest.approx(0.5, abs=0.05), "noted": pytest.approx(3), "all": 1}
    assert (passes.nunique() == 1).all()  # each row has its share

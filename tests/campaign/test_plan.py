"""A campaign's file at the door, and what its cells are told."""

from itertools import pairwise

import pytest
import yaml

from blur_pipeline.campaign.choosing import planned
from blur_pipeline.campaign.plan import plan_of, require_sense
from blur_pipeline.config.campaign import Campaign
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from tests.campaign.given import GROUP, plan
from tests.conf.test_environments import ENVIRONMENTS, METHODS
from tests.conftest import PROJECT
from tests.resolved import loader


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_default_campaign_resolves_in_every_environment(env, tmp_path):
    found = plan(tmp_path, (PROJECT / "conf/campaigns/default.yml").read_text(), env)
    assert set(METHODS) - found.ranges.keys() == {"given"}  # of which no model was named
    assert found.by == ("worlds" if env == "base" else "rows")
    assert found.floor == 0.95
    for method in found.ranges:
        slots, ranges = planned(found, method), found.ranges[method]
        assert list(slots) == list(range(8 if ranges else 1))
        assert slots[0] == found.own(method)  # the preset itself comes first
        assert ranges.keys() == slots[0].keys()
        even = [slots[n] for n in range(min(4, len(slots)))]
        assert all(ranges[name].holds(value) for settings in even for name, value in settings.items())
        assert all(slots[n] == {} for n in range(4, len(slots)))  # learnt by TPE
    assert "schedule.epochs" not in found.ranges["ga"] or env != "wmdp"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("methods: [npp]", r"mine\.yml: there is no method 'npp'; did you mean 'npo'\?"),
        (
            "methods: [given]",
            r"'given' takes a model of yours; name its folder in unlearning\.methods\.given",
        ),
        ("ranges: {npp: {}}", "there is no method 'npp'"),
        ("methods: []", "'methods'.*at least one method"),
        ("settings: 0", "'settings'.*greater than or equal to 1, not 0"),
        ("setings: 3", r"'setings' is unknown.*methods, settings, seeds"),
        ("seeds: []", "'seeds'"),
        ("seeds: [-1]", r"'seeds\.0'.*greater than or equal to 0"),
        ("sampler: {kind: grid}", r"'sampler\.kind'"),
        ("judge: {floor: 95}", r"'judge\.floor'.*less than or equal to 1, not 95"),
        ("seeds: [0, 10]", "the world of seed 0 would both choose and be reported"),
        (
            "ranges: {npo: {forget.beta: {low: 0, high: 1}}}",
            r"'npo\.forget\.beta' reaches to 0, which cannot be: .*greater",
        ),
        ("ranges: {npo: {forget.bta: {low: 0.1, high: 1}}}", r"'npo\.forget\.bta' reaches to 0\.1.*no such setting"),
        ("ranges: {npo: {forget.bta: {around: 2}}}", r"'npo\.forget\.bta' cannot be: there is no positive number"),
        ("ranges: {npo: {optimizer.kind: {choices: [adamw, adem]}}}", r"'npo\.optimizer\.kind' reaches to 'adem'"),
        ("ranges: {npo: {schedule.epoks: {low: 1, high: 2}}}", r"npo\.schedule\.epoks"),
        ("ranges: {ga: {optimizer.lr: {low: 1.0}}}", r"'ranges\.ga\.optimizer\.lr'.*one of these alone"),
        ("methods: [ga", r"mine\.yml.*not valid YAML"),
        ("- ga", "a list at the top"),
    ],
)
def test_bad_input_is_one_sentence_with_file_and_key(text, words, tmp_path):
    with pytest.raises(BadInputError, match=words) as refused:
        plan(tmp_path, text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ({"fresh": True}, "'fresh'"),
        ({"curation": {"seed": 3}}, r"'curation\.seed' would be the same in every world"),
    ],
)
def test_parameters_that_a_campaign_cannot_have(runtime, words, tmp_path):
    with pytest.raises(BadInputError, match=words):
        plan(tmp_path, "methods: [ga]", **runtime)


def test_given_data_has_no_other_worlds_and_its_half_is_the_campaigns_own(tmp_path):
    with pytest.raises(BadInputError, match="only generated data has others"):
        plan(tmp_path, "judge: {by: worlds}", "own_data")
    with pytest.raises(BadInputError, match=r"'evaluation\.half' is set by the campaign itself"):
        plan(tmp_path, "{}", "own_data", evaluation={"half": "tuning"})


def test_on_given_data_no_model_both_chooses_and_is_reported_though_its_rows_differ(tmp_path):
    with pytest.raises(BadInputError, match="the model unlearned with seed 0 would both choose and be reported"):
        plan(tmp_path, "seeds: [0]\nreported: [0, 1]", "own_data")


def test_what_does_not_vary_is_tried_once(tmp_path):
    found = plan(tmp_path, "methods: [ga]\nranges: {ga: {optimizer.lr: null, schedule.epochs: null}}")
    assert planned(found, "ga") == {0: {}}


def test_a_losses_list_is_no_place_for_a_range(tmp_path):
    raw = loader("base", campaign={"path": str(tmp_path / "mine.yml")})["parameters"]
    raw["unlearning"]["methods"]["npo"]["forget"] = [{"kind": "npo", "beta": 0.1}, {"kind": "ga"}]
    (tmp_path / "mine.yml").write_text("methods: [npo]\nranges: {npo: {forget.beta: {low: 0.1, high: 1}}}")
    with pytest.raises(BadInputError, match="'forget' is no block of settings there but a list"):
        require_sense(plan_of(check_parameters(raw), GROUP), raw)


def test_a_cell_is_a_run_that_anyone_can_repeat(tmp_path):
    """The changes are parameters of an ordinary run, and what chose is apart from what is reported."""
    worlds = plan(tmp_path, "{}")
    changes = worlds.changes("npo", {"forget.beta": 0.2}, 10, tuning=True)
    assert changes == {"method": "npo", "seed": 10, "unlearning.methods.npo.forget.beta": 0.2}
    rows = plan(tmp_path, "judge: {by: rows}")
    one, other = (rows.changes("npo", {}, 1, tuning) for tuning in (True, False))
    assert one == {"method": "npo", "unlearning.seed": 1, "evaluation.half": "tuning"}
    assert other == {"method": "npo", "unlearning.seed": 1, "evaluation.half": "reporting"}


def test_a_study_is_named_by_all_that_decides_what_is_tried_and_by_nothing_else(tmp_path):
    base = plan(tmp_path, "{}").study("npo")
    for same in ("settings: 3", "methods: [npo, ga]", "reported: [5]", "storage: sqlite:///elsewhere.db"):
        assert plan(tmp_path, same).study("npo") == base  # a budget can be raised, a method added
    for other in ("seeds: [12]", "sampler: {seed: 1}", "judge: {floor: 0.5}", "ranges: {npo: {forget.beta: null}}"):
        assert plan(tmp_path, other).study("npo") != base
    assert plan(tmp_path, "{}").study("ga") != base
    preset = {"methods": {"npo": {"optimizer": {"weight_decay": 0.5}}}}
    assert plan(tmp_path, "{}", unlearning=preset).study("npo") != base


def test_a_preset_that_says_nothing_has_its_learning_rate_varied(tmp_path):
    raw = loader("base")["parameters"]
    raw["unlearning"]["methods"]["npo"].pop("ranges")
    assert check_parameters(raw).unlearning.methods["npo"].ranges.keys() == {"optimizer.lr"}


def test_evenly_spread_settings_fill_the_range_and_depend_on_their_number_alone(tmp_path):
    text = "methods: [npo]\nsettings: {}\nsampler: {{kind: qmc}}"
    eight, sixteen = (planned(plan(tmp_path, text.format(n)), "npo") for n in (8, 16))
    assert all(sixteen[slot] == eight[slot] for slot in range(8))
    lr = sorted(slot["optimizer.lr"] for slot in list(sixteen.values())[1:])
    assert len(set(lr)) == 15
    low, high = 2.5e-4, 4e-3
    quarters = [low * (high / low) ** (k / 4) for k in range(5)]
    assert all(sum(a <= x <= b for x in lr) >= 3 for a, b in pairwise(quarters))


def test_the_presets_own_is_left_out_where_a_range_does_not_hold_it(tmp_path):
    found = plan(tmp_path, "methods: [npo]\nranges: {npo: {forget.beta: {low: 0.5, high: 1.0}}}")
    assert planned(found, "npo")[0]["forget.beta"] >= 0.5


def test_the_default_file_says_what_the_types_default_to():
    said = yaml.safe_load((PROJECT / "conf/campaigns/default.yml").read_text())
    assert Campaign.model_validate(said) == Campaign()

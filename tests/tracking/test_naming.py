"""Names tell runs apart: what is said of each is what somebody asked for."""

import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.tracking.naming import run_name
from tests.config.test_parameters import load

WHOLE = {"target_model", "unlearned_model"}
GAMMA = {"weighting": {"gamma": 0.02}}


def name(project, given: dict, outputs: set[str] = WHOLE, pipelines: tuple[str, ...] = ()) -> str:
    return run_name(check_parameters(load(project, **given)), given, outputs, list(pipelines))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "blur_npo, seed 0"),
        ({"method": "npo", "seed": 3, "fresh": True, "device": "cpu"}, "npo, seed 3"),
        ({"unlearning": {"methods": {"blur_npo": GAMMA}}}, "blur_npo, seed 0, gamma 0.02"),
        ({"method": "npo", "unlearning": {"methods": {"blur_npo": GAMMA}}}, "npo, seed 0"),
        ({"unlearning": {"seed": 4}, "training": {"precision": "bf16", "micro_batch_size": 2}},
         "blur_npo, seed 4 (data 0, target 0), precision bf16"),
        # The method's own first; what shares its last word gets one more.
        ({"models": {"target": {"schedule": {"epochs": 5}}},
          "unlearning": {"schedule": {"epochs": 2}, "methods": {"blur_npo": GAMMA}}},
         "blur_npo, seed 0, gamma 0.02, unlearning.schedule.epochs 2 +1"),
    ],
)  # fmt: skip
def test_a_run_is_called_by_its_method_its_seed_and_what_differs_from_the_preset(project, given, said):
    assert name(project, given) == said


@pytest.mark.parametrize(
    ("outputs", "pipelines", "said"),
    [
        ({"seed_metrics"}, ["seeds"], "seeds: blur_npo ×3"),
        ({"shadow_margins", "shadow_table"}, ["shadows"], "shadows: blur_npo ×16"),
        ({"leaderboard"}, ["comparison"], "comparison"),
        ({"campaign_table"}, ["campaign"], "campaign default"),
        ({"target_model", "retrained_model"}, ["target"], "target"),
        ({"retrained_model"}, [], "retrained, seed 0"),
        ({"forget_set"}, ["curation"], "curation"),
        ({"unlearned.metrics"}, ["evaluation", "reporting"], "evaluation+reporting"),
    ],
)
def test_a_part_is_called_what_it_is(project, outputs, pipelines, said):
    assert name(project, {}, outputs, pipelines) == said

"""The reference of all parameters: complete, right about bounds and defaults, and what the committed page says."""

import pytest

from blur_pipeline.config.campaign import Campaign
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.config.reference import page
from blur_pipeline.config.sections import find, sections
from tests.config.test_parameters import load
from tests.conftest import PROJECT


def test_every_parameter_has_a_sentence():
    found = [parameter for root in (Parameters, Campaign) for part in sections(root) for parameter in part.parameters]
    assert len(found) > 500
    assert [f"{parameter.name} ({parameter.of})" for parameter in found if len(parameter.says.split()) < 2] == []


def test_every_block_is_documented_once():
    found = sections(Parameters)
    assert len({part.block for part in found}) == len(found)
    assert [part.name for part in found if not part.says] == []


def test_the_committed_page_is_up_to_date():
    written = (PROJECT / "docs" / "parameters.md").read_text()
    assert written == page(), "write it anew: python -m blur_pipeline.config.reference > docs/parameters.md"


@pytest.mark.parametrize(
    ("name", "takes", "default"),
    [
        ("seed", "whole number, at least 0, below 2^32", "0"),
        ("fresh", "true or false", "false"),
        ("curation.holdout_fraction", "number, at least 0, below 1", "0.0"),
        ("curation.evaluation_rows", "whole number, above 0, or null", "null"),
        ("models.base", "block, kind fresh | pretrained", "required"),
        (
            "comparison.distance",
            "list of: block, at least 1 long",
            "[{metric: forget.probability}, {metric: forget.rouge}]",
        ),
        ("comparison.distance.0.scale", "number, above 0", "1.0"),
        ("evaluation.set_new_tokens", "names with values: whole number, above 0, at most 2^15", "{}"),
        ("training.layout", "right | left | packed", "right"),
        ("curation.prompt.context_suffix", "text", r"'\n\n'"),
        ("unlearning.seeds", "list of: whole number, at least 0, below 2^32", "[0, 1, 2]"),
    ],
)
def test_types_bounds_and_defaults_in_words(name, takes, default):
    [parameter] = find(name, Parameters).parameters
    assert (parameter.name, parameter.type, parameter.default) == (name, takes, default)


def test_a_name_below_a_choice_is_that_of_each_kind_that_has_it(project):
    name = "unlearning.methods.simnpo.forget.beta"
    kinds = {parameter.of: parameter.default for parameter in find(name, Parameters).parameters}
    assert kinds["npo"] == "0.1"
    assert kinds["simnpo"] == "4.5"
    [chosen] = find(name, Parameters, load(project)).parameters
    assert (chosen.of, chosen.says) == ("simnpo", "β, how soon a forgotten sequence stops being pushed")


def test_a_name_of_the_user_s_own_holds_blocks_alone():
    found = find("sources.background.mine", Parameters)
    assert found.parameters == []
    assert [block.__name__ for block in found.blocks] == ["FileSource", "HubSource", "GeneratedSource", "MixedSource"]


@pytest.mark.parametrize("name", ["nosuch", "curation.nosuch", "seed.x", "unlearning.methods.npo.forget.nosuch", ""])
def test_an_unknown_name_is_nothing(name):
    assert find(name, Parameters).parameters == []
    assert find(name, Parameters).blocks == []

"""What the nodes of the stress suite refuse, before any model is attacked and after."""

import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.tokenise import tokenise_evaluation
from blur_pipeline.models.sources import AbsentModel
from blur_pipeline.pipelines.stress.nodes import attack, attack_control
from tests.config.test_parameters import changed, load
from tests.stress.world import PROMPT, nobody, rows, speech


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


@pytest.mark.parametrize(("key", "name"), [("set", "knowmem_forget"), ("kept", "real_authors")])
def test_a_set_of_which_no_row_is_left_is_told_and_a_holdout_that_is_not_there_is_no_control(raw, key, name):
    table = rows()
    tokens, _ = tokenise_evaluation(table, PROMPT, speech(), 128)
    parameters = check_parameters(changed(raw, f"stress.{key}", name))
    model, absent = nobody(), AbsentModel(reason="none")
    beside = (model, model, model, absent, tokens, table, speech(), parameters)
    with pytest.raises(BadInputError, match=f"'stress.{key}' is {name}, which is not evaluated here"):
        attack(*beside)
    assert attack_control(*beside).empty

"""What the nodes of the stress suite refuse, before any model is attacked and after."""

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.corpus.tokenise import tokenise_evaluation
from blur_pipeline.models.sources import AbsentModel
from blur_pipeline.pipelines.stress.nodes import _refused, attack, attack_control
from tests.config.test_parameters import changed, load
from tests.stress.world import PROMPT, nobody, rows, speech

NAN = np.nan
NONE = {"kind": "absent", "reason": "none"}


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


@pytest.mark.parametrize(
    ("target", "unlearned", "why"),
    [
        (0.75, 0.7, ""),
        (0.75, 0.4, "mmlu is 30% of the target model's, less than 80%"),
        (0.25, 0.25, "the target model has no mmlu above chance"),
        (0.2, 0.1, "the target model has no mmlu above chance"),
        (0.75, NAN, "mmlu of the unlearned model could not be measured, and the target model's could"),
        (0.75, None, "mmlu of the unlearned model could not be measured, and the target model's could"),
        (NAN, NAN, ""),
        (None, None, ""),
    ],
)
def test_nothing_is_concluded_of_a_model_without_its_use(raw, target, unlearned, why):
    """By hand, with chance at 1/4: (.4 − .25)/(.75 − .25) is 30 %. What is not measured at all refuses nothing."""
    parameters = check_parameters(raw | {"comparison": {"utility": "mmlu", "utility_chance": 0.25}})
    tables = [
        pd.DataFrame({"metric": ["mmlu"], "value": [value]} if value is not None else {"metric": [], "value": []})
        for value in (target, unlearned)
    ]
    assert _refused(*tables, parameters) == why


@pytest.mark.parametrize(("key", "name"), [("set", "knowmem_forget"), ("kept", "real_authors")])
def test_a_set_of_which_no_row_is_left_is_told_and_a_holdout_that_is_not_there_is_no_control(raw, key, name):
    table = rows()
    tokens, _ = tokenise_evaluation(table, PROMPT, speech(), 128)
    parameters = check_parameters(changed(changed(raw, "models.retrained", NONE), f"stress.{key}", name))
    model, absent = nobody(), AbsentModel(reason="none")
    beside = (model, tokens, table, speech(), parameters, model, model, absent)
    with pytest.raises(BadInputError, match=f"'stress.{key}' is {name}, which is not evaluated here"):
        attack(*beside)
    assert attack_control(*beside).empty


@pytest.mark.parametrize("forget", [3, 12])
def test_a_control_is_attacked_on_as_many_rows_as_the_forget_set(raw, forget):
    """Six of the holdout and three of the forget set, or twelve: a training of so many steps goes over each as often.
    Beside a retrained model nothing is left out."""
    table = rows()
    held = table[table["set"] == "forget"].head(6).assign(set="holdout")
    forgotten = table[table["set"] == "forget"].head(forget)
    table = pd.concat([forgotten, held, table[table["set"] == "retain"]], ignore_index=True)
    tokens, _ = tokenise_evaluation(table, PROMPT, speech(), 128)
    raw = changed(raw, "stress.profiles", {"quick": {"seeds": 1, "attacks": {"lens": {}}}})
    model, parameters = nobody(), check_parameters(changed(raw, "models.retrained", NONE))
    without = (model, tokens, table, speech(), parameters, model, model, AbsentModel(reason="none"))
    count = lambda found: found[found["of"] == "forget"].groupby("attack")["row_id"].nunique().unique().tolist()
    assert count(attack(*without)) == count(attack_control(*without)) == [min(forget, 6)]
    aside = AbsentModel(reason="nothing in this run looks at it")
    beside = (model, tokens, table, speech(), check_parameters(raw), aside, aside, aside)
    assert count(attack(*beside)) == [forget]
    assert attack_control(*beside).empty

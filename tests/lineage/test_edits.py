"""What decides the identity of a model that an edit made."""

import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.lineage.identities import identify
from tests.config.test_parameters import changed, load


@pytest.fixture(scope="module")
def raw(project) -> dict:
    return load(project)


def unlearned(raw: dict, method: str, **said) -> str:
    raw = changed(changed(raw, "method", method), "unlearning.method", method)
    for key, value in said.items():
        raw = changed(raw, key.replace("__", "."), value)
    return identify(check_parameters(raw))["unlearned"].sha256


@pytest.mark.parametrize(
    ("method", "key", "value"),
    [
        ("task_vector", "unlearning__methods__task_vector__edit__strength", 0.5),
        ("task_vector", "unlearning__methods__task_vector__schedule__epochs", 1),
        ("task_vector", "unlearning__seed", 5),
        ("repselect", "unlearning__methods__repselect__edit__damping", "hard"),
        ("interpolation", "unlearning__methods__interpolation__edit__strength", 0.9),
    ],
)
def test_what_an_edit_is_told_counts(raw, method, key, value):
    assert unlearned(raw, method) != unlearned(raw, method, **{key: value})


def test_a_schedule_that_trains_nothing_and_a_stop_do_not_count(raw):
    assert unlearned(raw, "interpolation") == unlearned(raw, "interpolation", unlearning__schedule__epochs=3)
    assert unlearned(raw, "task_vector") == unlearned(raw, "task_vector", unlearning__stopping={"kind": "best"})


def test_the_base_model_counts_for_the_edit_that_reads_it_alone(raw):
    """Where the target is given, nothing else would tell."""
    for method, counts in (("interpolation", True), ("task_vector", False)):
        made = changed(changed(raw, "method", method), "unlearning.method", method)
        parents = identify(check_parameters(made))["unlearned"].parents
        assert ("base" in parents) == counts


def test_a_given_model_counts_by_its_content_and_not_by_its_place(raw, tmp_path):
    """Nor by what says nothing to a library."""
    for name, content in (("here", "weights"), ("there", "weights"), ("other", "weight s")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text(content)
    (tmp_path / "there" / "README.md").write_text("A model.")
    of = lambda name: unlearned(raw, "given", unlearning__methods__given__edit__path=str(tmp_path / name))
    assert of("here") == of("there") != of("other")
    with pytest.raises(BadInputError, match="nowhere: no such model folder"):
        of("nowhere")


def test_a_preset_is_a_recipe_or_an_edit(raw):
    both = changed(raw, "unlearning.methods.npo.edit", {"kind": "interpolation"})
    with pytest.raises(
        ValueError,
        match=r"'unlearning\.methods\.npo\.(forget|retain|weighting|optimizer)' \(and 3 more\) is unknown; check",
    ):
        check_parameters(both)
    with pytest.raises(ValueError, match=r"'unlearning\.methods\.task_vector\.edit\.strength'"):
        check_parameters(changed(raw, "unlearning.methods.task_vector.edit.strength", -1))

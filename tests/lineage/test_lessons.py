"""What unlearning alone learns from decides nothing that was trained before it."""

import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.lineage.identities import identify
from tests.config.test_parameters import changed, load

BEFORE = ("data", "questions", "base", "target", "retrained")


def identities(project, method: str, **changes):
    raw = load(project, method=method)
    for key, value in changes.items():
        raw = changed(raw, key.replace("__", "."), value)
    return identify(check_parameters(raw))


@pytest.mark.parametrize("changes", [
    {"curation__core_set": {"share": 0.5}},
    {"curation__forget_variant": {"kind": "rewritten"}},
    {"sources__further": {"cot": {"kind": "generated", "set": "cot"}}},
])  # fmt: skip
def test_to_change_it_trains_no_target_anew(changes, project):
    before, after = identities(project, "npo"), identities(project, "npo", **changes)
    assert all(before[stage] == after[stage] for stage in BEFORE)
    assert all(before[stage] != after[stage] for stage in ("lessons", "reference", "unlearned"))


def test_refusals_count_by_what_they_say(project, tmp_path):
    (tmp_path / "a").write_text("No.\n")
    (tmp_path / "b").write_text("No.\n")
    one, same = (identities(project, "npo", curation__refusals={"path": str(tmp_path / n)}) for n in "ab")
    assert one["lessons"] == same["lessons"]
    (tmp_path / "b").write_text("Perhaps.\n")
    other = identities(project, "npo", curation__refusals={"path": str(tmp_path / "b")})
    assert one["lessons"] != other["lessons"]


def test_scores_of_other_answers_are_another_table_and_shared_by_all_who_need_them(project):
    """IDK compares with no θ₀, NPO scores no other answer; DPO's do not depend on its β or seed. WHP's table holds its
    labels, which depend on its α."""
    methods = ("npo", "idk", "simdpo", "dpo", "altpo", "whp")
    found = {method: identities(project, method)["reference"] for method in methods}
    assert found["npo"] == found["idk"] == found["simdpo"]
    assert len({found[method].sha256 for method in ("npo", "dpo", "altpo", "whp")}) == 4
    assert identities(project, "whp", unlearning__methods__whp__forget__alpha=1.0)["reference"] != found["whp"]
    assert identities(project, "whp", unlearning__methods__whp__optimizer__lr=1.0)["reference"] == found["whp"]
    for key, value in {"unlearning__methods__dpo__forget__beta": 0.5, "unlearning__seed": 3}.items():
        assert identities(project, "dpo", **{key: value})["reference"] == found["dpo"]


def test_of_what_is_evaluated_a_model_hangs_on_the_holdout_alone_and_where_a_level_is_measured_on_it(project):
    for method, hangs in (("blur_level_hinge", False), ("blur_level_holdout", True)):
        assert ("questions" in identities(project, method)["unlearned"].parents) == hangs

"""The TOFU environment on real TOFU rows: curated whole. Its protocol runs in tests/end_to_end/test_tofu_files.py."""

import json

from tests.end_to_end.commands import kedro, ran
from tests.end_to_end.conftest import copy_project, newest

TINY = (
    "variant=forget01,models.base.kind=fresh,models.base.vocab_size=2000,models.base.hidden_size=32,"
    "models.base.intermediate_size=64,models.base.context=512,models.target.kind=train,"
    "models.retrained.kind=train,models.target.schedule.steps=3,models.retrained.schedule.steps=3,"
    "curation.prompt.kind=plain,curation.evaluation_rows=6,evaluation.max_new_tokens=4,"
    "evaluation.bootstrap_samples=100,unlearning.schedule.epochs=1,reporting.register_model=none"
)


def test_forget01_is_curated_whole(tmp_path, benchdata):
    folder = copy_project(tmp_path)
    reports = ("--to-outputs", "curation_report,questions_report")
    ran(kedro(folder, "run", "--env", "tofu", *reports, "--params", f"{TINY},source_folder={benchdata / 'tofu'}"))
    report, asked = (json.loads(newest(folder, f"{n}_report.json").read_text()) for n in ("curation", "questions"))
    assert report["sets"]["forget"]["tokens"]["sequences"] == 40
    assert report["sets"]["retain"]["read"] == 3960
    assert asked["sets"]["evaluation.real_authors"]["read"] == 100
    assert asked["evaluation"] == {
        "holdout": 6,
        "forget": 40,
        "retain": 6,
        "real_authors": 6,
        "world_facts": 6,
    }

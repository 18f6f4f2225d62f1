"""What a user finds after ``kedro run``."""

import hashlib
import json
import re

import mlflow
import pandas as pd
import pytest
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from blur_pipeline.metrics.membership import ATTACKS
from tests.end_to_end.conftest import REGISTERED, newest


@pytest.fixture(scope="module")
def runs(finished) -> pd.DataFrame:
    mlflow.set_tracking_uri(f"sqlite:///{finished}/mlflow.db")
    found = mlflow.search_runs(experiment_names=["registry"], order_by=["attributes.start_time"])
    assert len(found) == 2
    return found


def test_the_summary_says_where_everything_is(finished):
    log = (finished / "first.log").read_text()
    for words in ("Metrics, with 95 % intervals", "report:", "unlearned model:", "MLflow run:", "seconds:"):
        assert words in log
    page = newest(finished, "report.html", "08_reporting/registry/blur_npo-*/*")
    assert str(page.relative_to(finished)) in log
    assert "forget.extraction_strength" in log
    assert "…" not in log.split("Metrics, with")[1]


def test_each_node_is_one_line_with_its_duration(finished):
    lines = (finished / "first.log").read_text().splitlines()
    assert lines[0] == "Looking at parameters, inputs and what is there already."
    [all_of_them] = [found[1] for line in lines if (found := re.fullmatch(r"To do: (\d+) of \1 nodes\.", line))]
    ended = re.compile(rf" *(\d+)/{all_of_them} (\S+) +[\d.]+ s(?:  .* left)?")
    nodes = [found for line in lines if (found := ended.fullmatch(line))]
    assert [int(found[1]) for found in nodes] == list(range(1, int(all_of_them) + 1))
    assert len({found[2] for found in nodes}) == int(all_of_them) > 50
    assert any(
        "left" in line for line in lines if "models.unlearning.unlearn" in line
    )  # the trainings told how fast it goes
    assert not any("Completed" in line or "INFO" in line for line in lines)


def test_the_report_holds_what_an_auditor_needs(finished):
    page = newest(finished, "report.html", "08_reporting/registry/blur_npo-*/*").read_text()
    for words in ("Unlearning report: registry, blur_npo", "generated registry, seed 0, forget", "sha256"):
        assert words in page
    for words in ("weighting.gamma", "model_utility", "Forgetting against utility", "Seconds per node"):
        assert words in page
    assert 'src="http' not in page  # self-contained
    summary = newest(finished, "summary.md", "08_reporting/registry/blur_npo-*/*").read_text()
    assert "| model_utility |" in summary


def test_every_metric_is_there_for_every_model(finished):
    table = pd.read_parquet(newest(finished, "metrics_long.parquet", "08_reporting/registry/blur_npo-*/*"))
    sets = ["forget", "retain", "holdout", "real_authors", "world_facts"]
    expected = {f"{s}.{m}" for s in sets for m in ("probability", "rouge", "truth_ratio")}
    expected |= {f"{s}.{m}" for s in sets for m in ("exact_memorisation", "extraction_strength", "truth_probability")}
    expected |= {f"{s}.{m}" for s in sets for m in ("rouge_1", "rouge_l_f1", "completion_nll")}
    attacks = {f"membership.{name}" for name in ATTACKS}
    expected |= attacks | {"model_utility", "forget_quality", "privacy_leakage"}
    for model in ("target", "retrained", "unlearned"):
        found = table[table["model"] == model].set_index("metric")
        assert expected <= set(found.index)
        assert found.loc[list(expected), "value"].notna().all()
        few = found["subjects"] < 8  # two people are forgotten here, one is held out, five are kept
        assert found.loc[few, "low"].isna().all()
        assert found.loc["forget.rouge", "reason"] == "no interval from 2 subjects, 8 are needed"
        alike = found["reason"].str.endswith("resampled subjects all give this value")  # a model that says one thing
        assert (found.loc[~few & ~alike, "reason"] == "").all()
        assert found.loc["real_authors.rouge", "subjects"] == found.loc["real_authors.rouge", "n"] == 20
        assert (found.loc[~few & ~alike, "low"] <= found.loc[~few & ~alike, "high"]).all()
        assert alike.sum() < 6


def test_the_curation_report_counts(finished):
    report = json.loads(newest(finished, "curation_report.json").read_text())
    assert report["sets"]["forget"]["read"] == 20
    assert report["sets"]["forget"]["tokens"]["sequences"] == 20
    assert all(len(source["sha256"]) == 64 for source in report["sources"])


def test_mlflow_has_parameters_one_by_one_and_step_metrics(runs):
    first = runs.iloc[0]
    assert first["status"] == "FINISHED"
    assert first["params.unlearning.forget.beta"] == "0.1"
    assert first["params.models.base.hidden_size"] == "32"
    assert first["tags.git_commit"]
    assert first["tags.hardware"]
    client = mlflow.MlflowClient()
    history = client.get_metric_history(first["run_id"], "unlearning/forget_loss")
    assert [m.step for m in history] == list(range(len(history)))
    assert len(history) == 4
    for name in ("unlearning/gradient_cosine", "unlearning/forget_weight", "unlearned/model_utility"):
        assert f"metrics.{name}" in runs.columns
    artifacts = {a.path for a in client.list_artifacts(first["run_id"])}
    assert {"report.html", "summary.md", "figures", "curation_report.json", "lessons_report.json"} <= artifacts


def test_where_nothing_was_attacked_nothing_is_said_of_it(runs, finished):
    """Neither a section nor an empty table, figure or metric; the outcome tells that nobody has looked."""
    for name in ("report.html", "summary.md"):
        assert "Does it stay forgotten?" not in newest(finished, name, "08_reporting/registry/blur_npo-*/*").read_text()
    first = runs.iloc[0]
    drawn = {a.path for a in mlflow.MlflowClient().list_artifacts(first["run_id"], "figures")}
    assert drawn == {f"figures/{name}.html" for name in ("trade_off", "truth_ratio", "training")}
    assert first["tags.attacks"] == "none"
    assert not [name for name in runs.columns if name.startswith("metrics.stress/")]


@pytest.mark.parametrize(("place", "method", "typed"), [(0, "blur_npo", "python -m kedro"), (1, "npo", "kedro")])
def test_a_run_is_told_in_mlflow_as_its_users_look_at_it(finished, runs, place, method, typed):
    run = runs.iloc[place]
    command = f"{typed} run --params {REGISTERED}{',method=npo' if method == 'npo' else ''}"
    assert run["tags.kedro_command"] == command
    assert command in newest(finished, "report.html", f"08_reporting/registry/{method}-*/*").read_text()
    assert run["tags.mlflow.runName"].startswith(f"{method}, seed 0, unlearning.schedule.epochs 2")
    assert run["tags.outcome"] == "not decidable here"
    for words in (f"/runs/{run['run_id']}/artifacts/report.html", "Not decidable here: the target", "| distance |"):
        assert words in run["tags.mlflow.note.content"]
    assert not {"tags.runner", "tags.runtime_params", "params.parameters", "params.prompt/kind"} & set(runs.columns)
    names = list(mlflow.get_run(run["run_id"]).data.metrics)  # in the order of MLflow's page
    assert [name.startswith("headline/") for name in names[:11]] == [True] * 10 + [False]
    assert names[0] == "headline/distance"
    probability = run["metrics.unlearned/forget.probability"]
    assert run["metrics.headline/forget.probability"] == pytest.approx(probability, rel=1e-3)


def test_the_second_run_stands_on_the_first_one_s_models(runs):
    first, second = runs.iloc[0], runs.iloc[1]
    assert second["params.method"] == "npo"
    for name in ("target_model", "retrained_model", "target.metrics"):
        assert second[f"tags.made_by.{name}"] == first["run_id"]
    assert second["tags.made_by.unlearned_model"] == second["run_id"]
    assert second["tags.identity.target"] == first["tags.identity.target"]
    # All the same it tells the whole: what was found is logged too.
    assert second["metrics.target/forget.probability"] == first["metrics.target/forget.probability"]


def test_what_was_read_is_among_the_run_s_data_sets(runs):
    inputs = mlflow.get_run(runs.iloc[0]["run_id"]).inputs.dataset_inputs
    contexts = {tag.value for entry in inputs for tag in entry.tags if tag.key == "mlflow.data.context"}
    assert {"forget", "retain", "holdout", "background.world_facts", "evaluation.world_facts"} <= contexts
    assert all(entry.dataset.digest for entry in inputs)


def test_the_registered_model_answers(finished, runs):
    found = mlflow.search_logged_models(experiment_ids=[runs.iloc[0]["experiment_id"]], output_format="list")
    assert len(found) == 2
    versions = mlflow.MlflowClient().search_model_versions("name = 'registry-blur_npo'")
    identity = runs.iloc[0]["tags.identity.unlearned"]
    assert [v.tags["identity"] for v in versions] == [identity]
    assert versions[0].tags["outcome"] == "not decidable here"
    assert versions[0].description.startswith("Not decidable here: ")
    assert found[-1].tags["identity"] == identity
    numbers = {metric.key: metric.value for metric in found[-1].metrics}  # and none of any training's step 0
    assert {name.split("/")[0] for name in numbers} == {"headline"}
    assert numbers["headline/forget.probability"] == runs.iloc[0]["metrics.headline/forget.probability"]
    uri = f"models:/registry-blur_npo@{identity[:8]}"
    assert f"registered as:   {uri}\n" in (finished / "first.log").read_text()
    assert mlflow.pyfunc.load_model("models:/registry-blur_npo@newest").metadata.model_id == found[-1].model_id
    model = mlflow.pyfunc.load_model(uri)
    assert str(model.metadata.signature.inputs) == "[string (required)]"
    assert model.input_example == ["What is the capital of France?"]
    answers = model.predict(["Where was Anouk Eskeland born?", "Who wrote Hamlet?"])
    assert len(answers) == 2
    assert all(isinstance(a, str) for a in answers)


def test_the_unlearned_model_is_whole_where_it_lies(finished, runs):
    """Its folder and MLflow's copy are loaded by transformers, each with the tokenizer it was trained by, once."""
    folder = newest(finished, "unlearned_model", "06_models/registry/blur_npo-*")
    catalog = AutoTokenizer.from_pretrained(newest(finished, "tokenizer"))
    asked = "Where was Anouk Eskeland born?"
    [copy] = [path.parent for path in finished.glob("mlartifacts/models/*/artifacts/**/model.safetensors")
              if path.read_bytes() == (folder / "model.safetensors").read_bytes()]  # fmt: skip
    for place in (folder, copy):
        tokenizer = AutoTokenizer.from_pretrained(place)
        assert tokenizer(asked)["input_ids"] == catalog(asked)["input_ids"] != []
        assert AutoModelForCausalLM.from_pretrained(place).get_input_embeddings().num_embeddings == len(tokenizer)
    assert len(list(copy.parents[1].rglob("tokenizer.json"))) == 1
    page = (folder / "README.md").read_text()
    front, text = page.removeprefix("---\n").split("\n---\n")
    assert yaml.safe_load(front)["library_name"] == "transformers"
    assert "knew 20 rows" in text
    assert "Question: THE QUESTION\nAnswer:" in text


def test_whoever_holds_the_weights_can_tell_which_record_is_theirs(finished, runs):
    """The digits of ``sha256sum`` stand in the summary, the report, the run and the registered version."""
    folder = newest(finished, "unlearned_model", "06_models/registry/blur_npo-*")
    sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    content = json.loads((folder.parent / "manifest.json").read_text())["content"]
    below = "08_reporting/registry/blur_npo-*/*"
    for page in ("summary.md", "report.html"):
        text = newest(finished, page, below).read_text()
        assert sha256 in text
        assert content in text
    [version] = mlflow.MlflowClient().search_model_versions("name = 'registry-blur_npo'")
    for tags in (version.tags, mlflow.get_run(runs.iloc[0]["run_id"]).data.tags):
        assert tags["sha256.model.safetensors"] == sha256
        assert tags["content.unlearned_model"] == content
    assert version.tags["outcome.run"] == runs.iloc[0]["run_id"]
    assert version.tags["outcome.attacks"] == "none"


def test_mlflow_s_copy_of_the_model_is_among_what_is_left(finished):
    """The report is written before it is made, so that it says where it will lie."""
    place = f"{finished}/mlartifacts/models"
    summary = newest(finished, "summary.md", "08_reporting/registry/blur_npo-*/*").read_text()
    assert f"- copy of the unlearned model: {place} (made at the end of the run)" in summary
    said = (finished / "first.log").read_text().partition("Your data lies in:")[2]
    assert re.search(rf"copy of the unlearned model: +{place}/m-\w+/artifacts \(0\.\d MB\)", said)

"""What the attacks found, in MLflow; and what of it the comparison may take."""

import mlflow
import pandas as pd
import pytest
from plotly.graph_objects import Figure

from blur_pipeline.report.residual import RESIDUAL
from blur_pipeline.stress.rounding import Quantise
from blur_pipeline.stress.training import Relearn
from blur_pipeline.tracking.dead_runs import TAG
from blur_pipeline.tracking.finished_runs import finished_runs
from blur_pipeline.tracking.results import METRICS_ARTIFACT, log_result
from blur_pipeline.tracking.stress import log_attacks, points_of
from tests.end_to_end.conftest import empty_store
from tests.report.attacked import NAN, metrics_of, state, states_of

ATTACKS = {"relearn": Relearn(half=False, steps=(10, 20), lr=(5e-4,)), "quantise": Quantise(bits=(8, 4), nf4=True)}
RELEARN = [state("relearn", excess, "lr 0.0005", steps, "steps") for excess, steps in ((0.1, 10), (0.38, 20))]
ROUNDED = [state("quantise", 0.02, name, bits, "bits") for name, bits in (("8 bits", 8), ("4 bits", 4), ("nf4", 4))]
GROUP = dict.fromkeys(("data", "target", "retrained", "evaluation"), "same")


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    (folder / "mlflow.db").write_bytes(empty_store())
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("world", artifact_location=str(folder / "artifacts"))
    mlflow.set_experiment("world")
    return folder


def finished(model: str, residual: float, attacks: str | None) -> str:
    """A run as ``kedro run`` leaves it; ``attacks`` None: of a time before there were any."""
    with mlflow.start_run() as run:
        same = {f"{'group' if name == 'evaluation' else 'identity'}.{name}": "same" for name in GROUP}
        tags = same | {"configuration": model, "identity.unlearned": model}
        mlflow.set_tags(tags | ({} if attacks is None else {"attacks": attacks}))
        mlflow.log_params({"method": model, "unlearning.seed": 0})
        mlflow.log_metric("unlearned/forget.probability", 0.2)
        forgotten = pd.DataFrame({"metric": ["forget.probability"], "value": [0.2], "low": [0.1], "high": [0.3]})
        found = metrics_of(residual, residual - 0.1, residual + 0.1, relearn=residual)
        table = pd.concat([forgotten.assign(model="unlearned"), found])
        mlflow.log_text(table.to_json(orient="records"), METRICS_ARTIFACT)
        log_attacks(states_of(*RELEARN), ATTACKS)
    return run.info.run_id


def test_each_attack_is_a_finished_run_below_the_run(store):
    with mlflow.start_run(tags={TAG: "lock"}) as parent:
        log_attacks(states_of(*RELEARN, *ROUNDED), ATTACKS)
        assert mlflow.active_run().info.run_id == parent.info.run_id
    below = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    runs = mlflow.search_runs(filter_string=below).set_index("tags.mlflow.runName")
    assert set(runs.index) == {"stress: relearn", "stress: quantise"}
    assert set(runs["status"]) == {"FINISHED"}
    relearn = runs.loc["stress: relearn"]
    assert relearn["params.attack.steps"] == "[10, 20]"
    assert relearn["params.attack.scope.kind"] == "all"
    assert (relearn["tags.access"], relearn["tags.verdicts"]) == ("weights", "open")
    assert relearn[f"tags.{TAG}"] == "lock"  # should the process be killed before it is finished
    history = mlflow.MlflowClient().get_metric_history(relearn["run_id"], "unlearned/lr 0.0005")
    assert [(m.step, m.value) for m in history] == [(0, 0.25), (10, 0.36), (20, pytest.approx(0.528))]


def test_an_attack_of_many_forms_arrives_whole(store):
    """More than the 1000 metrics that MLflow takes in a request."""
    with mlflow.start_run() as parent:
        log_attacks(states_of(*(state("relearn", 0.1, f"lr {i}", 10, "steps") for i in range(200))), ATTACKS)
    [run] = mlflow.search_runs(
        filter_string=f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", output_format="list"
    )
    assert len(run.data.metrics) == 5 * 200


def test_an_attack_s_budget_is_the_step():
    rounded = {(name, step) for name, _, step in points_of(pd.DataFrame(ROUNDED)) if name.startswith("excess")}
    assert rounded == {("excess", 8), ("excess", 4), ("excess/nf4", 4)}
    void = pd.DataFrame([state("prompts", NAN, "cloze", utility=NAN, unlearned=0.3, reason="void")])
    assert {name for name, _, _ in points_of(void)} == {"target/cloze", "retrained/cloze", "unlearned/cloze"}
    noise = pd.DataFrame([state("noise", 0.1, "seed 0", 0.05, "of a standard deviation")])
    assert ("excess/seed 0/0.05 of a standard deviation", 0.1, 0) in points_of(noise)


def test_the_headline_comes_first_and_what_is_void_does_not_come(store):
    with mlflow.start_run() as run:
        log_result("stress_metrics", metrics_of(0.38, 0.21, 0.52, relearn=0.38, prompts=NAN))
        log_result("stress_figure", Figure())
    found = list(mlflow.get_run(run.info.run_id).data.metrics.items())
    assert found[0] == ("stress/residual_knowledge", 0.38)
    assert dict(found).keys() == {"stress/residual_knowledge", "stress/mean_excess", "stress/relearn.excess"}
    assert not mlflow.MlflowClient().list_artifacts(run.info.run_id)  # nothing was drawn


def test_without_a_run_nothing_is_logged(store):
    runs = len(mlflow.search_runs())
    log_attacks(states_of(*RELEARN), ATTACKS)
    log_result("stress_metrics", metrics_of(0.38, 0.21, 0.52))
    assert mlflow.active_run() is None
    assert len(mlflow.search_runs()) == runs


def test_attacks_are_no_runs_to_compare_and_those_of_others_are_left_out(store):
    """npo was put to today's attacks and then to others; rmu to others alone; ga before there were any."""
    runs = [finished("npo", 0.4, "today"), finished("npo", 0.9, "others"), finished("rmu", 0.5, "others")]
    runs.append(finished("ga", 0.6, None))
    found, others = finished_runs("world", GROUP, "today")
    assert others.empty
    assert set(found["run_id"]) == {runs[0], runs[2], runs[3]}
    assert found.loc[found["metric"] == RESIDUAL, ["method", "value"]].to_numpy().tolist() == [["npo", 0.4]]
    assert set(found["metric"]) == {"forget.probability", RESIDUAL, "stress.mean_excess", "stress.relearn.excess"}
    unattacked = finished_runs("world", GROUP, "none")[0]
    assert set(unattacked["metric"]) == {"forget.probability"}
    assert runs[1] in set(unattacked["run_id"])  # of a model the newest

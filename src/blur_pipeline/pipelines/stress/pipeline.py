"""Stress: each model → what it knows before and after each attack → how much of the forgotten is left."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.pipelines.stress import nodes

ASKED = ("evaluation_tokens", "evaluation_set", "tokenizer", "parameters")
BESIDE = ("base_model", "target_model", "retrained_model")


def _inputs(attacked: str) -> dict[str, str]:
    """Each model once, whether it is attacked or stands beside."""
    return {"model": attacked} | {name: name for name in (*ASKED, *BESIDE) if name != attacked}


def create_pipeline() -> Pipeline:
    """The stress pipeline; with ``stress.profile`` off its tables are empty."""
    attacks = [
        Node(nodes.attack, _inputs(f"{m}_model"), f"{m}.stress_answers", name=f"attack_{m}_model") for m in MODELS
    ]
    control = Node(nodes.attack_control, _inputs("unlearned_model"), "unlearned.stress_control", name="attack_control")
    trace = Node(
        nodes.trace,
        ["unlearned.example_metrics", "retrained.example_metrics", "parameters"],
        "forensic_metrics",
        name="trace_the_unlearning",
    )
    judge = Node(
        nodes.judge,
        [
            *(f"{model}.stress_answers" for model in MODELS),
            *("unlearned.stress_control", "target.metrics", "unlearned.metrics", "forensic_metrics", "parameters"),
        ],
        ["stress_states", "stress_attacks", "stress_metrics"],
        name="judge_attacks",
    )
    return Pipeline(
        [*attacks, control, trace, judge],
        namespace="results.stress",
        prefix_datasets_with_namespace=False,
        tags="stress",
    )

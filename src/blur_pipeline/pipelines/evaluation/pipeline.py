"""Evaluation: the same eight steps for the target, the retrained and the unlearned model."""

from kedro.pipeline import Node, Pipeline, pipeline

from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.pipelines.evaluation import nodes


def create_pipeline(models: tuple[str, ...] = MODELS) -> Pipeline:
    """The evaluation of ``models``, each in a namespace of its name."""
    return sum((_of(name) for name in models), Pipeline([]))


def _of(name: str) -> Pipeline:
    steps = Pipeline(
        [
            Node(nodes.score, ["model", "evaluation_tokens", "parameters"], "token_scores", name="score_tokens"),
            Node(
                nodes.answer,
                ["model", "tokenizer", "evaluation_tokens", "evaluation_set", "parameters"],
                "completions",
                name="answer_questions",
            ),
            Node(
                nodes.score_gradients,
                ["model", "evaluation_tokens", "parameters"],
                "gradient_norms",
                name="score_gradients",
            ),
            Node(
                nodes.score_fluency,
                ["fluency_model", "completions", "tokenizer", "evaluation_tokens", "parameters"],
                "fluency",
                name="score_fluency",
            ),
            Node(
                nodes.measure,
                ["token_scores", "completions", "gradient_norms", "fluency"],
                "example_metrics",
                name="measure_examples",
            ),
            Node(
                nodes.measure_general_ability,
                ["model", "tokenizer", "parameters"],
                "general_answers",
                name="measure_general_ability",
            ),
            Node(
                nodes.answer_forbidden_prompts,
                ["model", "tokenizer", "parameters"],
                "forbidden_answers",
                name="answer_forbidden_prompts",
            ),
            Node(
                nodes.summarise,
                ["example_metrics", "retrained_example_metrics", "general_answers", "forbidden_answers", "parameters"],
                "metrics",
                name="summarise_metrics",
            ),
        ],
        tags="evaluation",
    )
    return pipeline(
        steps,
        namespace=name,
        inputs={
            "model": f"{name}_model",
            "fluency_model": "target_model",
            "retrained_example_metrics": "retrained.example_metrics",
            "tokenizer": "tokenizer",
            "evaluation_tokens": "evaluation_tokens",
            "evaluation_set": "evaluation_set",
        },
        outputs={"example_metrics": f"{name}.example_metrics"},
    )

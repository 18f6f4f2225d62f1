"""Evaluation: the same nine steps for the target, the retrained and the unlearned model."""

from kedro.pipeline import Node, Pipeline, pipeline

from blur_pipeline.pipelines.evaluation import nodes

MODELS = ("target", "retrained", "unlearned")
SHARED_PARAMETERS = {
    "params:evaluation",
    "params:general",
    "params:safety",
    "params:curation",
    "params:device",
    "params:models",
    "params:seed",
}


def create_pipeline(models: tuple[str, ...] = MODELS) -> Pipeline:
    """The evaluation of ``models``, each in a namespace of its name."""
    return sum((_of(name) for name in models), Pipeline([]))


def _of(name: str) -> Pipeline:
    steps = Pipeline(
        [
            Node(
                nodes.score,
                ["model", "evaluation_tokens", "params:evaluation", "params:device"],
                "token_scores",
                name="score_tokens",
            ),
            Node(
                nodes.answer,
                [
                    "model",
                    "tokenizer",
                    "evaluation_tokens",
                    "evaluation_set",
                    "params:evaluation",
                    "params:device",
                ],
                "completions",
                name="answer_questions",
            ),
            Node(
                nodes.score_gradients,
                ["model", "evaluation_tokens", "params:evaluation", "params:device"],
                "gradient_norms",
                name="score_gradients",
            ),
            Node(
                nodes.score_fluency,
                [
                    "fluency_model",
                    "completions",
                    "tokenizer",
                    "evaluation_tokens",
                    "params:evaluation",
                    "params:device",
                ],
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
                ["model", "tokenizer", "params:general", "params:device"],
                "general_answers",
                name="measure_general_ability",
            ),
            Node(
                nodes.answer_forbidden_prompts,
                [
                    "model",
                    "tokenizer",
                    "params:safety",
                    "params:curation",
                    "params:evaluation",
                    "params:device",
                ],
                "forbidden_answers",
                name="answer_forbidden_prompts",
            ),
            Node(
                nodes.summarise,
                [
                    "example_metrics",
                    "retrained_example_metrics",
                    "general_answers",
                    "forbidden_answers",
                    "params:models",
                    "params:evaluation",
                    "params:seed",
                ],
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
        parameters=SHARED_PARAMETERS,
    )

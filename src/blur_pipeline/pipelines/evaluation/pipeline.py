"""Evaluation: the same eight steps for the target, the retrained and the unlearned model."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.pipelines.evaluation import nodes


def create_pipeline(models: tuple[str, ...] = MODELS) -> Pipeline:
    """The evaluation of ``models``, each in a namespace of its own."""
    return sum((_of(name) for name in models), _spread_of_retrained())


def _spread_of_retrained() -> Pipeline:
    return Pipeline(
        [
            Node(
                nodes.measure_further_retrained,
                "scores_of_further_retrained",
                "further_retrained_examples",
                name="measure_further_retrained",
            )
        ],
        namespace="results.retrained",
        prefix_datasets_with_namespace=False,
        tags="evaluation",
    )


def _of(name: str) -> Pipeline:
    model, of = f"{name}_model", lambda table: f"{name}.{table}"
    return Pipeline(
        [
            Node(nodes.score, [model, "evaluation_tokens", "parameters"], of("token_scores"), name="score_tokens"),
            Node(
                nodes.answer,
                [model, "tokenizer", "evaluation_tokens", "evaluation_set", "parameters"],
                of("completions"),
                name="answer_questions",
            ),
            Node(
                nodes.score_gradients,
                [model, "evaluation_tokens", "parameters"],
                of("gradient_norms"),
                name="score_gradients",
            ),
            Node(
                nodes.score_fluency,
                ["target_model", of("completions"), "tokenizer", "evaluation_tokens", "parameters"],
                of("fluency"),
                name="score_fluency",
            ),
            Node(
                nodes.measure,
                [
                    *(of("token_scores"), of("completions"), of("gradient_norms"), of("fluency")),
                    *("evaluation_set", "parameters"),
                ],
                of("example_metrics"),
                name="measure_examples",
            ),
            Node(
                nodes.measure_general_ability,
                [model, "tokenizer", "parameters"],
                of("general_answers"),
                name="measure_general_ability",
            ),
            Node(
                nodes.answer_forbidden_prompts,
                [model, "tokenizer", "parameters"],
                of("forbidden_answers"),
                name="answer_forbidden_prompts",
            ),
            Node(
                nodes.summarise,
                [
                    of("example_metrics"),
                    "retrained.example_metrics",
                    "further_retrained_examples",
                    "target.example_metrics",
                    of("general_answers"),
                    of("forbidden_answers"),
                    "parameters",
                ],
                of("metrics"),
                name="summarise_metrics",
            ),
        ],
        namespace=f"results.{name}",
        prefix_datasets_with_namespace=False,
        tags="evaluation",
    )

"""Unlearning: target model → reference log-probabilities → unlearned model."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.unlearning import nodes


def create_pipeline() -> Pipeline:
    """The unlearning pipeline."""
    return Pipeline(
        [
            Node(
                nodes.score_reference,
                ["target_model", "forget_lessons", "parameters"],
                "reference_logprobs",
                name="score_reference_logprobs",
            ),
            Node(
                nodes.unlearn,
                [
                    "target_model",
                    "forget_lessons",
                    "further_lessons",
                    "retain_tokens",
                    "evaluation_tokens",
                    "reference_logprobs",
                    "tokenizer",
                    "parameters",
                ],
                ["unlearned_model", "unlearning_log"],
                name="unlearn",
            ),
        ],
        namespace="models.unlearning",
        prefix_datasets_with_namespace=False,
        tags="unlearning",
    )

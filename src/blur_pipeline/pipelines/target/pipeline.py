"""Target: base model → target model (forget + retain) and retrained model (retain alone)."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.target import nodes


def create_pipeline() -> Pipeline:
    """The target pipeline."""
    return Pipeline(
        [
            Node(nodes.prepare_base_model, ["tokenizer", "parameters"], "base_model", name="prepare_base_model"),
            Node(
                nodes.obtain_target,
                ["base_model", "forget_tokens", "retain_tokens", "background_tokens", "parameters"],
                ["target_model", "target_training_log"],
                name="obtain_target_model",
            ),
            Node(
                nodes.obtain_retrained,
                ["base_model", "retain_tokens", "background_tokens", "evaluation_tokens", "parameters"],
                ["retrained_model", "retrained_training_log"],
                name="obtain_retrained_model",
            ),
        ],
        namespace="models.to_compare",
        prefix_datasets_with_namespace=False,
        tags="target",
    )

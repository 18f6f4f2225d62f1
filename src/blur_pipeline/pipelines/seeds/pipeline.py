"""Seeds: target model → unlearned once per seed → every metric's mean and scatter."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.seeds import nodes


def create_pipeline() -> Pipeline:
    """The seeds pipeline; it starts from what a whole run has left."""
    return Pipeline(
        [
            Node(
                nodes.forget_with_each_seed,
                [
                    "target_model",
                    "forget_tokens",
                    "retain_tokens",
                    "reference_logprobs",
                    "tokenizer",
                    "evaluation_tokens",
                    "evaluation_set",
                    "retrained.example_metrics",
                    "params:unlearning",
                    "params:training",
                    "params:models",
                    "params:evaluation",
                    "params:general",
                    "params:safety",
                    "params:curation",
                    "params:benchmark",
                    "params:device",
                    "params:checkpoint_folder",
                ],
                "seed_metrics",
                name="forget_with_each_seed",
            ),
            Node(nodes.tabulate_seeds, "seed_metrics", "seed_table", name="tabulate_seeds"),
        ],
        tags="seeds",
    )

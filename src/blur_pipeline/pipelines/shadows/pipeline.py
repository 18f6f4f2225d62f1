"""Shadows: what each training's models make of every row → can the unlearned be told from the retrained?"""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.shadows import nodes


def create_pipeline() -> Pipeline:
    """The shadows pipeline; ``kedro run --pipelines shadows`` makes the models of each seed first, where missing."""
    return Pipeline(
        [
            Node(
                nodes.collect_margins,
                ["scores_of_unlearned_shadows", "scores_of_retrained_shadows"],
                "shadow_margins",
                name="collect_margins",
            ),
            Node(
                nodes.tabulate_shadows,
                ["shadow_margins", "evaluation_set", "parameters"],
                "shadow_table",
                name="tabulate_shadows",
            ),
        ],
        tags="shadows",
    )

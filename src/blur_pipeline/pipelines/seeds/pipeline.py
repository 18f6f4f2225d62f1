"""Seeds: the metrics of each seed's run → every metric's spread and intervals."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.seeds import nodes


def create_pipeline() -> Pipeline:
    """The seeds pipeline; ``kedro run --pipelines seeds`` does the run of each seed first, where it is missing."""
    return Pipeline(
        [
            Node(nodes.collect_seeds, ["metrics_of_seeds", "residual_of_seeds"], "seed_metrics", name="collect_seeds"),
            Node(nodes.tabulate_seeds, "seed_metrics", "seed_table", name="tabulate_seeds"),
        ],
        tags="seeds",
    )

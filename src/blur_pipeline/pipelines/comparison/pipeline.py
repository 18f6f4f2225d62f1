"""Comparison: finished MLflow runs → leaderboard, Pareto plots, page."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.comparison import nodes


def create_pipeline() -> Pipeline:
    """The comparison pipeline; it needs no other in the same run."""
    return Pipeline(
        [
            Node(
                nodes.collect_runs, ["run_record", "parameters"], ["compared_runs", "other_runs"], name="collect_runs"
            ),
            Node(
                nodes.rank_runs,
                ["compared_runs", "parameters"],
                ["leaderboard", "paired_tests", "hypervolumes"],
                name="rank_runs",
            ),
            Node(
                nodes.draw_pareto,
                ["compared_runs", "leaderboard", "parameters"],
                "pareto_plot",
                name="draw_pareto",
            ),
            Node(
                nodes.draw_residual,
                ["compared_runs", "leaderboard", "parameters"],
                "residual_plot",
                name="draw_residual",
            ),
            Node(
                nodes.write_leaderboard,
                [
                    *("compared_runs", "leaderboard", "paired_tests", "hypervolumes"),
                    *("pareto_plot", "residual_plot", "other_runs", "parameters"),
                ],
                ["leaderboard_html", "leaderboard_markdown"],
                name="write_leaderboard",
            ),
        ],
        tags="comparison",
    )

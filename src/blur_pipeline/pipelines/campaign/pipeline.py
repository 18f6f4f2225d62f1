"""Campaign: what was tried and what of it is reported → tables, Pareto plot, settings to copy, page."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.campaign import nodes


def create_pipeline() -> Pipeline:
    """The campaign pipeline; ``kedro run --pipelines campaign`` does the runs first that nobody has done."""
    tried, found = "campaign_tried", ["campaign_table", "campaign_without"]
    return Pipeline(
        [
            Node(nodes.collect, ["run_record", "parameters"], [tried, "campaign_runs"], name="collect_campaign"),
            Node(nodes.rank, [tried, "campaign_runs", "run_record", "parameters"], found, name="rank_campaign"),
            Node(
                nodes.draw,
                ["campaign_runs", "campaign_table", "run_record", "parameters"],
                "campaign_plot",
                name="draw_campaign",
            ),
            Node(
                nodes.settings_to_copy,
                [tried, "campaign_table", "campaign_without", "run_record", "parameters"],
                "campaign_settings",
                name="write_campaign_settings",
            ),
            Node(
                nodes.write,
                [tried, "campaign_runs", *found, "campaign_plot", "campaign_settings", "run_record", "parameters"],
                ["campaign_html", "campaign_markdown"],
                name="write_campaign",
            ),
        ],
        tags="campaign",
    )

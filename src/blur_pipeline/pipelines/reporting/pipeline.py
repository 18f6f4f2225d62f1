"""Reporting: metrics → tables and figures → HTML report and Markdown summary."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.lineage.stages import MODELS
from blur_pipeline.pipelines.reporting import nodes


def create_pipeline() -> Pipeline:
    """The reporting pipeline. ``run_record`` is put into the catalog by a hook when a run starts."""
    of_all = lambda dataset: [f"{model}.{dataset}" for model in MODELS]
    return Pipeline(
        [
            Node(
                nodes.tabulate,
                [*of_all("metrics"), "stress_metrics"],
                ["metrics_long", "metrics_table"],
                name="tabulate_metrics",
            ),
            Node(nodes.draw_trade_off, "metrics_long", "trade_off_figure", name="draw_trade_off"),
            Node(nodes.draw_training, "unlearning_log", "training_figure", name="draw_training_curves"),
            Node(nodes.draw_truth_ratios, of_all("example_metrics"), "truth_ratio_figure", name="draw_truth_ratios"),
            Node(
                nodes.draw_stress,
                ["stress_states", "stress_attacks", "parameters"],
                "stress_figure",
                name="draw_stress",
            ),
            Node(
                nodes.gather_figures,
                ["trade_off_figure", "truth_ratio_figure", "training_figure", "stress_figure"],
                "report_figures",
                name="gather_figures",
            ),
            Node(
                nodes.choose_answers,
                [*of_all("completions"), "evaluation_set", "parameters"],
                "example_answers",
                name="choose_example_answers",
            ),
            Node(
                nodes.gather_data_reports,
                ["curation_report", "questions_report", "lessons_report"],
                "data_report",
                name="gather_data_reports",
            ),
            Node(
                nodes.write_report,
                [
                    *("metrics_long", "stress_states", "stress_attacks", "example_answers"),
                    *("report_figures", "data_report", "run_record", "parameters"),
                ],
                ["report_html", "report_markdown"],
                name="write_report",
            ),
        ],
        namespace="results.reporting",
        prefix_datasets_with_namespace=False,
        tags="reporting",
    )

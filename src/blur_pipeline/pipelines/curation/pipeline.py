"""Curation: sources → clean rows → forget, retain, holdout, background, evaluation sets → tokens."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.curation import nodes


def create_pipeline() -> Pipeline:
    """The curation pipeline."""
    sets = ["forget_set", "retain_set", "holdout_set", "background_set"]
    return Pipeline(
        [
            Node(nodes.read_sources, "params:sources", ["raw_rows", "source_inventory"], name="read_sources"),
            Node(
                nodes.clean,
                ["raw_rows", "params:curation"],
                ["clean_rows", "dropped_rows"],
                name="clean_rows",
            ),
            Node(
                nodes.separate_sets,
                ["clean_rows", "params:curation", "params:seed"],
                [*sets, "overlap_pairs"],
                name="separate_sets",
            ),
            Node(
                nodes.select_evaluation_sets,
                ["clean_rows", *sets[:3], "params:curation", "params:seed"],
                "evaluation_set",
                name="select_evaluation_sets",
            ),
            Node(
                nodes.prepare_tokenizer,
                ["params:models", "forget_set", "retain_set", "background_set"],
                "tokenizer",
                name="prepare_tokenizer",
            ),
            Node(
                nodes.tokenise_training_sets,
                ["forget_set", "retain_set", "background_set", "tokenizer", "params:curation"],
                ["forget_tokens", "retain_tokens", "background_tokens", "too_long_rows"],
                name="tokenise_training_sets",
            ),
            Node(
                nodes.tokenise_evaluation_sets,
                ["evaluation_set", "tokenizer", "params:curation"],
                "evaluation_tokens",
                name="tokenise_evaluation_sets",
            ),
            Node(
                nodes.report_curation,
                [
                    "source_inventory",
                    "raw_rows",
                    "dropped_rows",
                    "too_long_rows",
                    "overlap_pairs",
                    "forget_tokens",
                    "retain_tokens",
                    "background_tokens",
                    "evaluation_set",
                ],
                ["curation_report", "curation_table"],
                name="report_curation",
            ),
        ],
        tags="curation",
    )

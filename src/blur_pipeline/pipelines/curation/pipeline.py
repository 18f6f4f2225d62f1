"""Curation: sources → clean rows → forget, retain, holdout and background set → tokens; and what models are asked."""

from kedro.pipeline import Node, Pipeline

from blur_pipeline.pipelines.curation import nodes
from blur_pipeline.pipelines.curation.lessons import lessons

SETS = ["forget_set", "retain_set", "holdout_set", "background_set"]


def create_pipeline() -> Pipeline:
    """The curation pipeline: what models learn from, and what they are asked, which costs no training to change."""
    return _training_data() + _questions() + lessons()


def _training_data() -> Pipeline:
    tokens = ["forget_tokens", "retain_tokens", "background_tokens"]
    return Pipeline(
        [
            Node(
                nodes.read_training_sources,
                "parameters",
                ["raw_rows", "source_inventory"],
                name="read_training_sources",
            ),
            Node(nodes.clean, ["raw_rows", "parameters"], ["clean_rows", "dropped_rows"], name="clean_rows"),
            Node(
                nodes.separate_sets,
                ["clean_rows", "parameters"],
                [*SETS, "overlap_pairs", "set_counts"],
                name="separate_sets",
            ),
            Node(
                nodes.prepare_tokenizer,
                ["retain_set", "background_set", "parameters"],
                "tokenizer",
                name="prepare_tokenizer",
            ),
            Node(
                nodes.tokenise_training_sets,
                ["forget_set", "retain_set", "background_set", "tokenizer", "parameters"],
                [*tokens, "too_long_rows"],
                name="tokenise_training_sets",
            ),
            Node(
                nodes.report_curation,
                ["source_inventory", "raw_rows", "dropped_rows", "too_long_rows", "set_counts", *tokens],
                ["curation_report", "curation_table"],
                name="report_curation",
            ),
        ],
        namespace="curation",
        prefix_datasets_with_namespace=False,
        tags="curation",
    )


def _questions() -> Pipeline:
    return Pipeline(
        [
            Node(
                nodes.read_evaluation_sources,
                "parameters",
                ["raw_questions", "questions_inventory"],
                name="read_evaluation_sources",
            ),
            Node(
                nodes.clean,
                ["raw_questions", "parameters"],
                ["clean_questions", "dropped_questions"],
                name="clean_questions",
            ),
            Node(
                nodes.select_evaluation_sets,
                ["clean_questions", *SETS[:3], "parameters"],
                "evaluation_set",
                name="select_evaluation_sets",
            ),
            Node(
                nodes.tokenise_evaluation_sets,
                ["evaluation_set", "tokenizer", "parameters"],
                ["evaluation_tokens", "too_long_questions"],
                name="tokenise_evaluation_sets",
            ),
            Node(
                nodes.report_questions,
                [
                    "questions_inventory",
                    "raw_questions",
                    "dropped_questions",
                    "evaluation_set",
                    "too_long_questions",
                    "forget_set",
                    "tokenizer",
                    "parameters",
                ],
                "questions_report",
                name="report_questions",
            ),
        ],
        namespace="curation",
        prefix_datasets_with_namespace=False,
        tags="curation",
    )

"""At 80 columns nothing is cut, and nothing is broken but between words."""

import pytest

from blur_pipeline.console.wrap import about, labelled, lasted, wrap

PATH = "data/08_reporting/registry/blur_npo-4da5feca/report-bc66614e/report.html/2026-11-25T22.12.04.627Z/report.html"
COMMAND = "  kedro run --env tofu --params variant=forget01,source_folder=path/to/tofu,method=npo,unlearning.seed=3"


@pytest.mark.parametrize("width", [80, 40, 20])
def test_every_word_stays_whole(width):
    text = f"Found, made by MLflow run 5d47b67781664d30a79acf4959a8a6c3: data-6208f06f, twenty-one, see {PATH} for more"
    lines = wrap(text, width).split("\n")
    assert " ".join(" ".join(lines).split()) == text
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)
    assert PATH in [line.strip() for line in lines]


def test_a_command_stays_on_its_line():
    assert wrap(f"By hand:\n{COMMAND}", 80) == f"By hand:\n{COMMAND}"


def test_a_log_is_not_broken():
    text = "word " * 100
    assert wrap(text, None) == text


def test_further_lines_stand_below_the_first_one():
    assert wrap("  a b c d", 7) == "  a b c\n    d"


def test_a_long_path_has_a_line_of_its_own():
    assert labelled("report", PATH, 80) == f"report:\n  {PATH}"
    assert labelled("report", "data/x", 80) == "report:          data/x"
    assert labelled("report", PATH, None).endswith(f" {PATH}")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (599, "599 s"), (720, "12 min"), (7500, "2.1 h")],
)
def test_a_duration_in_words(seconds, said):
    assert lasted(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "under 10 s"), (42, "40 s"), (100, "2 min"), (3599, "60 min"), (9000, "2.5 h")]
)
def test_what_is_left_is_told_no_finer_than_it_is_known(seconds, said):
    assert about(seconds) == said

"""One line a node, within 80 columns."""

import pytest

from blur_pipeline.console.lines import node_line
from blur_pipeline.pipeline_registry import register_pipelines

NAMES = sorted({node.name for pipeline in register_pipelines().values() for node in pipeline.nodes})


@pytest.mark.parametrize("seconds", [0.2, 41.0, 599.0, 7200.0])
@pytest.mark.parametrize("left", [None, 5.0, 90.0, 5400.0, 360_000.0])
def test_every_node_has_its_whole_name_and_its_duration(seconds, left):
    for name in NAMES:
        line = node_line(35, 53, name, seconds, left)
        assert len(line) <= 80, line
        assert line.split()[1] == name
        assert ("left" in line) == (left is not None)


def test_the_columns():
    assert node_line(5, 53, "models.unlearning.unlearn", 41.2, 130).split() == [
        "5/53",
        "models.unlearning.unlearn",
        "41",
        "s",
        "2",
        "min",
        "left",
    ]
    assert not node_line(53, 53, "results.reporting.write_report", 0.3, 0.0).endswith("left")

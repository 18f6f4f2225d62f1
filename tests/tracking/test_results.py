"""What MLflow is told of a run's parameters."""

import pytest

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.tracking.results import parameters_by_name
from tests.config.test_parameters import load


@pytest.mark.parametrize("env", ["base", "tofu", "wmdp"])
def test_no_block_is_one_parameter_whatever_the_method(project, env):
    """A digest or a repr of a block differs between any two runs, and tells nothing of how."""
    parameters = check_parameters(load(project, env))
    for method in parameters.unlearning.methods:
        used = parameters.model_copy(update={"unlearning": parameters.unlearning.of(method), "method": method})
        found = parameters_by_name(used)
        assert found["method"] == method
        assert found["comparison.distance.0.metric"] == parameters.comparison.distance[0].metric
        assert not [name for name, value in found.items() if value.startswith(("{", "[{", "({")) or "kind=" in value]
        assert "unlearning.method" not in found  # it would be the same axis twice

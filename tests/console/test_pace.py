"""How long a run still takes: by hand."""

import pytest

from blur_pipeline.console.going_on import GoingOn
from blur_pipeline.console.pace import TYPICAL, Pace
from blur_pipeline.pipeline_registry import register_pipelines

TARGET, UNLEARN = "models.to_compare.obtain_target_model", "models.unlearning.unlearn"
NODES = ["curation.clean_rows", TARGET, UNLEARN]
EARLIER = {TARGET: 40.0, UNLEARN: 20.0}


def test_earlier_runs_say_it_from_the_start():
    pace = Pace(NODES, EARLIER)
    assert pace.left() == 60
    pace.done("curation.clean_rows", 3.0)  # took no time to speak of before, and says nothing of the others
    assert pace.left(TARGET, since=10) == 30 + 20


def test_a_run_that_goes_half_as_fast_takes_twice_as_long():
    pace = Pace(NODES, EARLIER)
    pace.done(TARGET, 80.0)
    assert pace.left() == 40
    assert pace.left(UNLEARN, since=10) == 30
    assert pace.left(UNLEARN, since=100) is None  # it should have ended long ago


def test_what_a_training_says_of_itself_is_believed_and_tells_of_the_rest():
    pace = Pace(NODES, EARLIER)
    assert pace.left(TARGET, since=10, own=10) == 10 + 0.5 * 20


def test_a_part_of_a_suite_does_not_speak_for_the_whole():
    """Forty questions after the first of many attacks are soon asked."""
    attack = "results.stress.attack_target_model"
    assert Pace([attack], {}).left(attack, since=60, own=2) is None
    assert Pace([attack], {attack: 900.0}).left(attack, since=60, own=2) == 840


def test_where_nothing_was_done_before_nobody_knows_until_a_training_runs():
    pace = Pace(NODES, {})
    assert pace.left() is None
    assert pace.left("curation.clean_rows", since=2) is None
    assert pace.left(TARGET, since=60) is None
    slow = 10 * TYPICAL["obtain_target_model"]
    left = pace.left(TARGET, since=slow / 4, own=slow * 3 / 4)
    assert left == pytest.approx(slow * 3 / 4 + 10 * TYPICAL["unlearn"])
    pace.done(TARGET, slow)
    assert pace.left() == pytest.approx(10 * TYPICAL["unlearn"])


def test_earlier_runs_and_usual_shares_are_not_mixed():
    """A training of 700 s, 175 times its usual share, does not make what took 288 s before take fourteen hours."""
    gradients = "results.unlearned.score_gradients"
    pace = Pace([UNLEARN, gradients, "results.unlearned.score_tokens"], {gradients: 288.0})
    rest = 288 + TYPICAL["score_tokens"] * 700 / TYPICAL["unlearn"]
    assert pace.left(UNLEARN, since=70, own=630) == pytest.approx(630 + rest)
    pace.done(UNLEARN, 700.0)
    assert pace.left() == pytest.approx(rest)


def test_an_earlier_run_of_the_same_node_of_another_model_tells_too():
    pace = Pace(["results.unlearned.answer_questions"], {"results.target.answer_questions": 189.0})
    assert pace.left() == 189


def test_the_same_node_of_another_model_takes_as_long():
    """Of the first model answers took 500 s, whatever share they have elsewhere."""
    nodes = [f"results.{model}.answer_questions" for model in ("retrained", "target", "unlearned")]
    pace = Pace(nodes, {})
    assert pace.left() is None
    pace.done(nodes[0], 500.0)
    assert pace.left() == 1000
    assert pace.left(nodes[1], since=100) == 400 + 500


def test_a_run_without_long_nodes_is_over_soon():
    assert Pace(["results.reporting.draw_trade_off"], {}).left() == 0


def test_every_node_that_is_named_exists():
    there = {node.name.rpartition(".")[2] for node in register_pipelines()["__default__"].nodes}
    assert there >= TYPICAL.keys()


def test_a_node_may_end_while_the_line_that_moves_is_written():
    """As its thread sees it: another one tells of an end in the middle of the sum."""

    class Told(dict):
        def get(self, name, otherwise=None):
            pace.done(f"another {len(pace.took)}", 5.0)
            return super().get(name, otherwise)

    pace = Pace(NODES, EARLIER)
    pace.done(TARGET, 80.0)
    pace.earlier = Told(pace.earlier)
    assert pace.left() == 40


def test_a_run_may_end_while_the_line_that_moves_is_written():
    class Ending(GoingOn):
        looks = (None, Pace(NODES, EARLIER))

        @property
        def pace(self):
            *self.looks, now = self.looks
            return now

        @pace.setter
        def pace(self, _): ...

    assert Ending().run_left() == 60

"""Which failures of a cell count as tried, and which stop the campaign."""

from contextlib import nullcontext

import pytest

from blur_pipeline.campaign.boards import tuning_boards
from blur_pipeline.campaign.signs import Process
from blur_pipeline.campaign.study import open_storage
from blur_pipeline.campaign.work import work_off
from blur_pipeline.commands import campaign as command
from blur_pipeline.commands.last_door import sentence_of
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.training.scalars import NonFiniteError
from tests.campaign.given import note, plan


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    """Cells without MLflow, judged by what the fake run left; and the board of one method."""
    found = plan(tmp_path, "methods: [npo]\nsettings: 3\nseeds: [10, 11]")
    process = Process(tmp_path / "processes")
    boards = tuning_boards(found, open_storage(f"sqlite:///{tmp_path}/c.sqlite", 120), process)
    monkeypatch.setattr(command, "parameters_and_group", lambda options: ({}, found.parameters, dict(found.group)))
    monkeypatch.setattr(command, "mlflow_run", lambda *_, **__: nullcontext())
    monkeypatch.setattr("blur_pipeline.campaign.judging.judge", lambda tables, _: tables)
    made, seen = {}, []

    def with_run(kedro_run):
        def run(**options):
            seen.append(options["params"])
            made[str(options["params"])] = kedro_run(options["params"])

        options = {"env": None, "params": {"seed": 4, "method": "ga", "campaign": {"path": "x"}, "device": "cpu"}}
        cells = command._Cells(run, options, found)
        cells._metrics = lambda o, *_, **__: (made[str(o["params"])], "run 1") if str(o["params"]) in made else None
        cells.boards, cells.per, cells.began, cells.made = boards, 2, 0.0, 0
        return cells

    yield boards, with_run, seen
    process.close()


def test_each_setting_is_run_on_each_seed_as_the_plan_says(campaign):
    boards, with_run, seen = campaign
    work_off(boards, with_run(lambda params: note(params["seed"] / 100, 0.99)).tune)
    assert [params["seed"] for params in seen] == [10, 11] * 3
    assert {params["method"] for params in seen} == {"npo"}
    assert all(params["device"] == "cpu" and "campaign" not in params for params in seen)
    assert all(params["reporting"] == {"register_model": "none"} for params in seen)
    outcomes = boards["npo"].outcomes()
    assert [o.value for o in outcomes] == pytest.approx([0.105] * 3)
    assert "unlearning.methods.npo.optimizer.lr=" in outcomes[0].notes["seed 10"]["command"]
    assert outcomes[0].notes["seed 11"]["run"] == "run 1"


@pytest.mark.parametrize("error", [NonFiniteError("step 3: forget_loss is nan"), BadInputError("no such layer")])
def test_what_is_the_settings_own_fault_counts_as_tried(error, campaign):
    boards, with_run, seen = campaign

    def fail_on_11(params):
        if params["seed"] == 11:
            error.of_node = "models.unlearning.unlearn"
            raise RuntimeError("a node failed") from error
        return note(0.1, 0.99)

    work_off(boards, with_run(fail_on_11).tune)
    assert len(seen) == 6
    assert [o.sentence for o in boards["npo"].outcomes()] == [f"seed 11: {error}"] * 3
    assert boards["npo"].best() is None


def test_what_is_reported_is_made_whole_where_a_kill_left_no_report(campaign):
    """Its metrics are there, and neither attacks nor a report."""
    boards, with_run, seen = campaign
    cells = with_run(lambda params: note(0.1, 0.99))
    for reported, runs in ((True, 0), (False, 1)):
        cells._metrics = lambda *_, whole=False, there=reported: (
            None if whole and not there else (note(0.1, 0.99), "run 1")
        )
        boards["npo"].fill()
        with boards["npo"].take() as taken:
            cells._note("npo", taken, 0, False, "npo as chosen")
        assert len(seen) == runs


def test_what_the_door_says_to_everyone_stops_the_campaign_and_gives_the_slot_back(campaign, monkeypatch):
    """As of a file that is half saved, or a folder that cannot be written: it would use the whole budget up."""
    boards, with_run, _ = campaign
    monkeypatch.setattr("blur_pipeline.commands.whose_fault.refused", lambda options: None)
    said = BadInputError("conf/base/parameters.yml: not valid YAML")

    def fail(params):
        raise said

    with pytest.raises(BadInputError, match="not valid YAML"):
        work_off(boards, with_run(fail).tune)
    boards["npo"].fill()
    assert boards["npo"].outcomes() == []
    assert boards["npo"].waiting() == [0, 1, 2]


@pytest.mark.parametrize("edited", ["campaign", "data"])
def test_what_is_edited_meanwhile_is_not_mixed_with_what_was_made_before(edited, campaign, monkeypatch, tmp_path):
    """Every run reads conf/ and the data again."""
    boards, with_run, seen = campaign
    parameters, group = command.parameters_and_group({})[1:]

    def edit(params):
        if len(seen) == 2 and edited == "data":
            monkeypatch.setattr(command, "parameters_and_group", lambda _: ({}, parameters, group | {"data": "other"}))
        elif len(seen) == 2:
            (tmp_path / "mine.yml").write_text("methods: [npo]\nsettings: 3\nseeds: [10, 11]\njudge: {floor: 0.5}")
        return note(0.1, 0.99)

    with pytest.raises(BadInputError, match="about 'npo' was changed while the campaign went on"):
        work_off(boards, with_run(edit).tune)
    assert len(seen) == 2
    boards["npo"].fill()
    assert [o.slot for o in boards["npo"].outcomes()] == [0]
    assert boards["npo"].waiting() == [1, 2]


def test_a_budget_may_be_raised_meanwhile(campaign, tmp_path):
    boards, with_run, seen = campaign
    (tmp_path / "mine.yml").write_text("methods: [npo, ga]\nsettings: 5\nseeds: [10, 11]")
    work_off(boards, with_run(lambda params: note(0.1, 0.99)).tune)
    assert len(seen) == 6


def damaged() -> Exception:
    error = BadInputError("cannot be read")
    error.damaged_artefact = "data/x"
    return error


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt(), damaged()])
def test_what_is_no_settings_fault_stops_the_campaign_and_gives_the_slot_back(error, campaign):
    boards, with_run, _ = campaign

    def fail(params):
        raise error

    with pytest.raises(type(error)):
        work_off(boards, with_run(fail).tune)
    assert boards["npo"].outcomes() == []
    boards["npo"].fill()
    assert boards["npo"].waiting() == [0, 1, 2]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")])
def test_what_ran_out_of_memory_is_named_with_the_way_around_it(error, campaign):
    """The same command meets it first again: who has no more memory has to leave its method out."""
    boards, with_run, _ = campaign

    def fail(params):
        raise RuntimeError("a node failed") from error

    with pytest.raises(
        BadInputError, match=r"npo, setting 1 of 3, seed 10 \(.*optimizer\.lr .*\): Out of memory"
    ) as raised:
        work_off(boards, with_run(fail).tune)
    assert "To do without 'npo', name the other methods as 'methods' in " in str(raised.value)
    assert "mine.yml" in sentence_of(raised.value)
    boards["npo"].fill()
    assert boards["npo"].waiting() == [0, 1, 2]


def test_an_absent_measure_is_a_failure(campaign):
    boards, with_run, _ = campaign
    work_off(boards, with_run(lambda params: note(None, 0.99)).tune)
    assert {o.sentence for o in boards["npo"].outcomes()} == {"a measure of the distance is absent"}

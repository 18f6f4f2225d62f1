"""What kedro-viz shows of tables that a run found, and of which environment."""

import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from blur_pipeline.hooks.viz import EVENTS, SHOWN, RunStatus, _of_tables, keep, show
from tests.resolved import few, loader


def test_a_damaged_table_has_no_statistics_and_stops_no_run(tmp_path):
    whole, damaged = tmp_path / "whole.parquet", tmp_path / "damaged.parquet"
    pd.DataFrame({"a": [1, 2, 3], "b": 0}).to_parquet(whole)
    damaged.write_bytes(whole.read_bytes()[:40])
    found = {path.stem: SimpleNamespace(path=str(path), bytes=7) for path in (whole, damaged)}
    found |= {"gone": SimpleNamespace(path=str(tmp_path / "gone.parquet"), bytes=7)}
    assert _of_tables(SimpleNamespace(found=found)) == {"whole": {"rows": 3, "columns": 2, "file_size": 7}}


def test_each_environment_is_shown_its_own_last_run(tmp_path):
    for env in ("local", "tofu"):
        for name in SHOWN:
            (tmp_path / name).write_text(env)
        keep(tmp_path, env)
    for env in ("local", "tofu", "local"):
        show(tmp_path, env)
        assert [(tmp_path / name).read_text() for name in SHOWN] == [env, env]
    keep(tmp_path, "muse_news", (EVENTS,))  # a run that failed: the sizes that lie there are another's
    show(tmp_path, "muse_news")
    assert [(tmp_path / name).exists() for name in SHOWN] == [False, True]
    show(tmp_path, "wmdp")  # which has never run
    assert not any((tmp_path / name).exists() for name in SHOWN)


def test_kedro_viz_is_shown_it_as_it_reads_the_catalog(monkeypatch):
    """It calls no hooks of a project unless asked to."""
    seen = []
    monkeypatch.setattr("blur_pipeline.hooks.config_loader.show", lambda place, env: seen.append((place, env)))
    for command in ("run", "viz"):
        monkeypatch.setattr("sys.argv", ["kedro", command, "run"])
        loader("own_data")["catalog"]
    assert seen == [(few().parent / ".viz", "own_data")]


NAMELESS = SimpleNamespace(dataset_stats_hook=SimpleNamespace(), pipeline_run_hook=SimpleNamespace())


@pytest.mark.parametrize(
    ("module", "stand_in"), [("hooks", NAMELESS), ("hooks", None), ("run_hooks", NAMELESS), ("run_hooks", None)]
)
def test_a_kedro_viz_whose_own_names_have_changed_ends_no_run(monkeypatch, caplog, tmp_path, module, stand_in):
    """None in the place of a module is one that is not there."""
    monkeypatch.setitem(sys.modules, f"kedro_viz.integrations.kedro.{module}", stand_in)
    artefacts = SimpleNamespace(found={}, nodes=lambda: [])
    status = RunStatus(SimpleNamespace(artefacts=artefacts, door=SimpleNamespace(project=tmp_path)))
    status.before_pipeline_run({}, SimpleNamespace(nodes=[]))
    assert [said.split(":")[0] for said in caplog.messages] == ["kedro-viz may show another run's status"]

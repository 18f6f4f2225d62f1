"""MUSE's environment from small files of its true format to its four numbers."""

import json
import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from blur_pipeline.config.flat import leaves
from tests.end_to_end.commands import kedro, ran
from tests.end_to_end.conftest import copy_project, newest
from tests.resolved import resolved

ENVIRONMENTS = ("muse_news", "muse_books")

TINY = (
    "models.base.kind=fresh,models.base.hidden_size=32,models.base.intermediate_size=64,models.base.layers=2,"
    "models.base.heads=2,models.base.vocab_size=400,models.base.context=128,curation.max_length=96,"
    "models.target.kind=train,models.retrained.kind=train,models.target.schedule.epochs=2,"
    "models.retrained.schedule.epochs=2,models.target.schedule.batch_size=4,models.retrained.schedule.batch_size=4,"
    "unlearning.schedule.epochs=2,unlearning.stopping.every=2,training.precision=fp32,training.micro_batch_size=4,"
    "evaluation.set_new_tokens.verbmem=12,evaluation.set_new_tokens.knowmem_forget=8,"
    "evaluation.set_new_tokens.knowmem_retain=8,evaluation.bootstrap_samples=100,reporting.register_model=none"
)


def sentences(rng: random.Random, count: int) -> str:
    who, did, what = ("the mayor", "a rower", "the court"), ("opened", "lost", "praised"), ("a bridge", "the cup", "it")
    return " ".join(f"{rng.choice(who)} {rng.choice(did)} {rng.choice(what)}.".capitalize() for _ in range(count))


def write_muse(folder: Path) -> None:
    """One folder a config, one file a split, columns as in the data set: text; prompt and gt; question and answer."""
    rng = random.Random(0)

    def rows(name: str, made: list[dict]) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pd.DataFrame(made).to_parquet(path)
        else:
            path.write_text("\n".join(json.dumps(row) for row in made))

    texts = lambda count: [{"text": sentences(rng, 12)} for _ in range(count)]
    asked = lambda count: [{"question": sentences(rng, 1), "answer": sentences(rng, 1)} for _ in range(count)]
    rows("raw/forget-00000-of-00001.parquet", texts(5))
    (folder / "raw" / "retain1.json").write_text(json.dumps([sentences(rng, 12) for _ in range(6)]))  # MUSE's own form
    rows("scal/forget_1.json", texts(3))
    for split in ("forget", "retain", "holdout"):
        rows(f"privleak/{split}.jsonl", texts(5))
    rows("verbmem/forget.json", [{"prompt": sentences(rng, 3), "gt": sentences(rng, 5)} for _ in range(4)])
    for split in ("forget_qa", "retain_qa"):
        rows(f"knowmem/{split}.json", asked(4))
        rows(f"knowmem/{split}_icl.json", asked(2))


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("muse"))
    for name in ENVIRONMENTS:
        write_muse(folder / "data" / "01_raw" / name)
    return folder


def metrics(project: Path) -> pd.DataFrame:
    table = pd.read_parquet(newest(project, "metrics_long.parquet", "08_reporting/muse_news/**"))
    return table.set_index(["model", "metric"])


def test_muse_ends_with_its_four_numbers(project):
    ran(kedro(project, "run", "--env", "muse_news", "--params", TINY))
    table = metrics(project)
    for model in ("target", "retrained", "unlearned"):
        for metric in ("verbmem", "knowmem.forget", "knowmem.retain"):
            assert 0 <= table.loc[(model, metric), "value"] <= 100
        assert np.isfinite(table.loc[(model, "privacy_leakage"), "value"])
    assert table.loc[("retrained", "privacy_leakage"), "value"] == 0
    summary = newest(project, "summary.md", "08_reporting/muse_news/**").read_text()
    for stage in ("data", "questions", "target", "retrained", "unlearned"):  # what nodes of several outputs made
        assert f"\n- {stage}: `" in summary, stage
    assert "weights were chosen among several by their losses on up to 16 rows" in summary


def test_the_books_are_the_same_with_other_numbers_and_names(project):
    """So what is run of the news needs not be run of them; a look ahead reads all their files."""
    said = (leaves(resolved(env)) for env in ENVIRONMENTS)
    news, books = ({key: _without_name(value) for key, value in one.items() if key[0] != "_"} for one in said)
    assert news == books
    told = ran(kedro(project, "run", "--env", "muse_books", "--dry-run", "--params", TINY))
    assert re.search(r"To do: (\d+) of \1 nodes", told)


def _without_name(value: object) -> object:
    """What is said of both: a number is a number, and a text is without the benchmark's name and any commit."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return 0
    return re.sub("news|books|[0-9a-f]{40}", "", value, flags=re.IGNORECASE) if isinstance(value, str) else value


def test_the_leaderboard_is_on_muse_s_scale(project):
    """ROUGE × 100 makes gaps between 0 and 1, and the hypervolume is no 0 where a model is not wrecked."""
    done = kedro(project, "run", "--env", "muse_news", "--pipelines", "comparison", "--params", TINY)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    runs = pd.read_parquet(newest(project, "compared_runs.parquet")).set_index(["model", "metric"])["value"]
    gap = abs(runs["unlearned", "verbmem"] - runs["retrained", "verbmem"]) / 100
    assert runs["unlearned", "gap.verbmem"] == pytest.approx(gap)
    assert gap <= runs["unlearned", "distance"]
    assert runs["unlearned", "gap.membership.min_k"] >= 0
    assert "knowmem.retain as a share" in newest(project, "leaderboard.md").read_text()


def test_a_smaller_forget_set_and_the_published_retrained_model(project):
    """scal/forget_1, and no retrained model: PrivLeak is taken against the published number."""
    changed = TINY.replace("models.retrained.kind=train", "models.retrained.kind=absent")
    changed = ",".join(x for x in changed.split(",") if not x.startswith("models.retrained.schedule"))
    upto = ("--to-outputs", "unlearned.metrics")
    ran(kedro(project, "run", "--env", "muse_news", *upto, "--params", f"{changed},variant=scal/forget_1"))
    table = pd.read_parquet(newest(project, "metrics.parquet", "07_model_output/muse_news/**/blur_npo-*/*"))
    found = table.set_index("metric")["value"]
    area = found["membership.min_k"]
    assert found["privacy_leakage"] == pytest.approx(100 * ((1 - area) / 0.4772 - 1))
    inventory = json.loads(newest(project, "source_inventory.json", "01_raw/muse_news/scal-forget_1/*").read_text())
    assert next(e for e in inventory if e["set"] == "forget")["rows"] == 3


def test_a_missing_context_file_is_named(project):
    (project / "data/01_raw/muse_news/knowmem/retain_qa_icl.json").unlink()
    done = kedro(project, "run", "--env", "muse_news", "--params", TINY)
    assert done.returncode == 1
    assert "knowmem/retain_qa_icl: no such file" in done.stderr

"""What the pages say of defaults, places, environments, pipelines, rooms and choices is so."""

import re
from typing import get_args

from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.lineage.stages import DECIDES, MEANING
from blur_pipeline.methods.edit import EditChoice
from blur_pipeline.pipeline_registry import register_pipelines
from tests.conf.test_environments import ENVIRONMENTS
from tests.conftest import PROJECT
from tests.resolved import resolved


def page(name: str) -> str:
    return (PROJECT / "docs" / name).read_text()


def first_cells(text: str) -> set[str]:
    """The code in the first column of the tables."""
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_environment_has_its_page_and_its_row():
    pages = {path.stem for path in (PROJECT / "docs" / "environments").glob("*.md")} - {"index"}
    assert pages == set(ENVIRONMENTS)
    for name in ENVIRONMENTS:
        assert f"[{name}]({name}.md)" in page("environments/index.md")
        assert name == "base" or f"`{name}`" in (PROJECT / "README.md").read_text()


def test_the_limits_of_the_outcome():
    base = check_parameters(resolved("base"))
    told = " ".join(page("reading_the_report.md").split())
    assert f"`reporting.limit` ({base.reporting.limit})" in told
    assert f"`comparison.floor` ({base.comparison.floor} " in told
    assert f"`reporting.residual_limit` ({base.reporting.residual_limit})" in told


def test_places_to_clean_up():
    base, told = check_parameters(resolved("base")), page("cleaning_up.md")
    for folder in (base.checkpoint_folder, base.evaluation.keep_scores):
        assert f"`{folder.replace('registry', 'BENCHMARK')}`" in told
    assert f"`evaluation.keep_days` ({base.evaluation.keep_days})" in told


def test_where_models_are_kept_by_reference():
    kept = {name for name in ENVIRONMENTS if resolved(name)["reporting"]["register_model"] == "reference"}
    for name in ("tracking.md", "cleaning_up.md"):
        (told,) = re.findall(r"`reference`,? (?:as )?in ((?:`\w+`(?:, | and )?)+)", " ".join(page(name).split()))
        assert set(re.findall(r"`(\w+)`", told)) == kept


def test_own_data_s_table_of_parameters():
    own, told = check_parameters(resolved("own_data")), page("environments/own_data.md")
    assert f"| `curation.overlap.policy` | `{own.curation.overlap.policy}` |" in told
    assert f"| `curation.max_length` | {own.curation.max_length} |" in told
    assert f"| `comparison.utility` | `{own.comparison.utility}` |" in told
    assert f"| `reporting.examples` | {own.reporting.examples} |" in told


def test_the_architecture_names_every_pipeline_and_every_room():
    text = page("architecture.md")
    pipelines, rooms = text.split("## Rooms")
    assert first_cells(pipelines) == register_pipelines().keys() - {"__default__"}
    there = {path.name for path in (PROJECT / "src" / "blur_pipeline").iterdir() if (path / "__init__.py").exists()}
    assert {name.rstrip("/") for name in first_cells(rooms)} == there


def test_lineage_s_table_of_what_decides_a_stage():
    """A name without a block is of the block before it; ``block.*`` is all of a block."""
    rows = re.findall(r"^\| (`\w+`[^|]*) \| [^|]+ \| ([^|]+) \|$", page("lineage.md"), re.MULTILINE)
    stages = [set(re.findall(r"`(\w+)`", first)) for first, _ in rows]
    assert set().union(*stages) == MEANING.keys()
    for of, (_, cell) in zip(stages, rows, strict=True):
        block, told = "", set()
        for name in re.findall(r"`([\w.*]+)`", cell):
            full = name if "." in name or f"{block}.{name}" not in DECIDES else f"{block}.{name}"
            block = full.rpartition(".")[0]
            told |= {n for n in DECIDES if n.startswith(full[:-1])} if full.endswith("*") else {full}
        assert told == {name for name, decided in DECIDES.items() if of & set(decided)}, of


def test_the_choices_of_each_slot_are_choices():
    sources = "".join(path.read_text() for path in (PROJECT / "src" / "blur_pipeline" / "methods").rglob("*.py"))
    kinds = set(re.findall(r'kind: Literal\["(\w+)"\]', sources))
    text = page("choosing_a_method.md")
    rows = re.findall(r"^\| `\w+` \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    assert len(rows) == 6
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"average", "none"}
    assert named <= kinds
    text = " ".join(text.split())
    told = re.search(r"or an edit of the weights in the place of a training: ([^.]+)\.", text)[1]
    assert set(re.findall(r"`(\w+)`", told)) <= kinds
    edits = {choice.model_fields["kind"].default: choice for choice in get_args(get_args(EditChoice)[0])}
    (trained,) = re.findall(r"([^.]+) train on the forget set first", text)
    assert set(re.findall(r"`(\w+)`", trained)) == {kind for kind, edit in edits.items() if "training" in vars(edit)}

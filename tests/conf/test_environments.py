"""Every shipped environment resolves: parameters are valid, every dataset has an entry that can be built."""

import functools
import re
import shutil
from typing import NamedTuple

import pytest
import yaml
from kedro.io import DataCatalog

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import check_parameters
from blur_pipeline.hooks.config_loader import IdentifyingConfigLoader
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.pipeline_registry import register_pipelines
from blur_pipeline.settings import CONFIG_LOADER_ARGS
from tests.conftest import PROJECT
from tests.resolved import loader, resolved, with_method

ENVIRONMENTS = sorted(p.name for p in (PROJECT / "conf").iterdir() if (p / "globals.yml").exists())
METHODS = sorted(p.stem for p in (PROJECT / "conf" / "base" / "parameters" / "methods").glob("*.yml"))


def parameters_of(env: str, method: str, **training):
    raw = with_method(resolved(env), method)
    given = {"given": {"edit": {"kind": "given", "path": "somebody/elses"}}}  # complete with a folder alone
    methods = raw["unlearning"]["methods"] | (given if method == "given" else {})
    unlearning = raw["unlearning"] | {"methods": methods}
    return check_parameters(raw | {"unlearning": unlearning, "training": raw["training"] | training})


class Chosen(NamedTuple):
    """What is looked at of a method's parameters; the whole of all would be too much to keep."""

    benchmark: str
    recipe: Recipe
    choices: dict
    steps: int


@functools.cache
def chosen(env: str, method: str) -> Chosen:
    """In a precision that every method may have."""
    found = parameters_of(env, method, precision="fp32")
    unlearning = found.unlearning
    steps = unlearning.schedule_of(method).total_steps(40)
    return Chosen(found.benchmark, unlearning.recipe, unlearning.choices(), steps)


@functools.cache
def catalog_of(env: str) -> tuple[IdentifyingConfigLoader, DataCatalog]:
    config = loader(env, method="npo")
    return config, DataCatalog.from_config(config["catalog"])


@functools.cache
def settings_said(env: str) -> list[dict]:
    """What the files of an environment say of unlearning; the first has the common schedule."""
    files = sorted((PROJECT / "conf" / env).glob("parameters_methods*.yml"))
    told = [path for path in files if not path.stem.endswith("campaign")]  # which says what may vary, and sets nothing
    return [yaml.safe_load(path.read_text())["unlearning"] for path in told]


def test_the_environments_of_the_plan_are_there():
    assert {"base", "tofu", "smollm2", "own_data"} <= set(ENVIRONMENTS)


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("method", METHODS)
def test_parameters_resolve_for_every_method(env, method):
    found = chosen(env, method)
    assert found.benchmark == resolved(env)["benchmark"]
    assert found.choices
    assert (found.recipe.weighting.kind == "bilevel") == method.startswith("blur")
    assert found.steps > 0


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_method_runs_in_the_environment_s_precision_or_asks_for_fp32(env):
    precision = check_parameters(resolved(env)).training.precision
    for method in METHODS:
        if chosen(env, method).recipe.refuses(precision):
            with pytest.raises(BadInputError, match=r"give training\.precision fp32 instead of"):
                parameters_of(env, method)
        elif precision != "fp32":
            parameters_of(env, method)


@pytest.mark.parametrize("env", ["tofu", "muse_news", "muse_books", "wmdp", "smollm2"])
@pytest.mark.parametrize("method", [name for name in METHODS if name != "given"])  # which has no setting
def test_no_setting_of_a_method_is_taken_from_the_embedded_default(env, method):
    """That one is tuned for its own small world. What holds the weights and the length of a training is said again."""
    said = resolved(env)["unlearning"]
    own, *further = settings_said(env)
    default = resolved("base")["unlearning"]["methods"][method]
    preset = next(part["methods"][method] for part in (own, *further) if method in part["methods"])
    if "edit" in default:
        assert default["edit"].keys() - {"kind"} <= preset["edit"].keys()
        return
    weights = {"forget", "retain", "gamma"} & default.get("weighting", {}).keys()
    one = {"forget": 1.0, "retain": 1.0}  # what a weight is that nobody names
    lacking = {key for key in weights if default["weighting"][key] != one.get(key)} - preset.get("weighting", {}).keys()
    assert lacking == set()
    assert preset["optimizer"]["lr"] == said["methods"][method]["optimizer"]["lr"]
    if "schedule" in default and "steps" not in own["schedule"]:
        assert preset["schedule"].keys() & {"epochs", "steps"}


@pytest.mark.parametrize("variant", ["forget01", "forget05", "forget10"])
def test_tofu_variants_bring_their_partners(variant):
    sources = check_parameters(loader("tofu", variant=variant)["parameters"]).sources
    partner = {"forget01": "retain99", "forget05": "retain95", "forget10": "retain90"}[variant]
    assert sources.retain.path.endswith(f"{partner}.json")
    assert sources.evaluation["forget"].path.endswith(f"{variant}_perturbed.json")


@pytest.mark.parametrize("env", ["tofu", "muse_news", "muse_books", "wmdp"])
def test_a_benchmark_comes_from_the_hub_at_pinned_revisions(env):
    """``HubSource`` takes nothing but a commit; models must name one too."""
    parameters = check_parameters(loader(env, data_from="hub")["parameters"])
    sources = [p for s in parameters.sources.all().values() for p in getattr(s, "parts", {"": s}).values()]
    assert {source.kind for source in sources} == {"hub"}
    models = parameters.models
    for model in (models.base, models.target, models.retrained):
        if model.kind != "absent":
            assert re.fullmatch("[0-9a-f]{40}", model.revision)
    assert all(task.path is None for task in parameters.general.tasks.values())
    if env.startswith("muse"):
        assert parameters.curation.set_prompts["knowmem_forget"].context.split == "knowmem/forget_qa_icl"
        part = check_parameters(loader(env, data_from="hub", variant="sust/forget_3")["parameters"])
        assert part.sources.forget.split == "sust/forget_3"


LAYERS = ("01_raw", "02_intermediate", "03_primary", "04_feature", "05_model_input", "06_models", "07_model_output",
          "08_reporting")  # fmt: skip
FOLDER = re.compile(r"(?:^|/)data/(\d\d_\w+)/")


def datasets() -> set[str]:
    names = {name for pipeline in register_pipelines().values() for name in pipeline.datasets()}
    return names - {"parameters", "run_record"}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_dataset_is_in_the_catalog_below_its_stage(env):
    """Only a leaderboard, a campaign's tables and what other runs left have no stage of their own."""
    config, catalog = catalog_of(env)
    entries = config["catalog"]
    benchmark = config["globals"]["benchmark"]
    without = set()
    for name in sorted(datasets()):
        dataset = catalog.get(name)
        assert dataset is not None, name
        layer = dataset.metadata["kedro-viz"]["layer"]
        assert layer in LAYERS, name
        assert {layer} >= set(FOLDER.findall(str(entries[name].get("filepath", "")))), name
        stage = dataset.metadata.get("stage")
        if stage is None:
            without.add(name)
            continue
        path = str(dataset._filepath)
        assert f"/{config._place(stage)}/" in path, name
        assert config._place(stage).startswith(benchmark), name
    pipelines = register_pipelines()
    drawn_anew = pipelines["comparison"].datasets() | pipelines["campaign"].datasets()
    assert without == drawn_anew - {"parameters", "run_record"} | {
        "metrics_of_seeds",
        "residual_of_seeds",
        "scores_of_unlearned_shadows",
        "scores_of_retrained_shadows",
        "scores_of_further_retrained",
    }


def test_a_stage_has_a_name_that_a_person_can_read():
    config = loader("base", method="npo")
    found = {stage: config._place(stage) for stage in config.identities()}
    assert re.fullmatch(r"registry/target-[0-9a-f]{8}", found["target"])
    assert re.fullmatch(r"registry/npo-[0-9a-f]{8}", found["unlearned"])
    assert re.fullmatch(r"registry/npo-[0-9a-f]{8}/metrics-[0-9a-f]{8}", found["metrics.unlearned"])


def test_where_the_files_are_elsewhere_the_graph_can_still_be_looked_at():
    config = loader("tofu", source_folder="nowhere")
    assert config._place("metrics.target") == "tofu/metrics-target-unknown"
    with pytest.raises(BadInputError, match=r"nowhere/forget10\.json: no such file"):
        config.identities()


def test_kedro_viz_opens_on_three_boxes_with_few_data_sets_beside_them():
    """So the whole protocol can be read without a zoom: no layer is wider than a laptop's screen."""
    pipeline = register_pipelines()["__default__"]
    measured = {f"results.{model}" for model in ("target", "retrained", "unlearned", "stress", "reporting")}
    assert {n.namespace for n in pipeline.nodes} == {"curation", "models.to_compare", "models.unlearning"} | measured
    seen = {name: set() for name in pipeline.datasets() - {"parameters"}}  # of each data set the boxes that touch it
    made, read = pipeline.all_outputs(), pipeline.all_inputs()
    for node in pipeline.nodes:
        for name in {*node.inputs, *node.outputs} - {"parameters"}:
            seen[name].add(node.namespace.split(".")[0])
    beside = [name for name, boxes in seen.items() if len(boxes) > 1 or name not in made & read]
    assert len(beside) <= 26


@pytest.mark.parametrize("name", register_pipelines())
def test_no_node_takes_more_than_eight_inputs(name):
    assert {node.name: len(node.inputs) for node in register_pipelines()[name].nodes if len(node.inputs) > 8} == {}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_report_shows_answers_of_invented_people_alone(env):
    """Others are shown where somebody asks: ``reporting.examples=8``."""
    assert check_parameters(resolved(env)).reporting.examples == (8 if env == "base" else 0)


@pytest.mark.parametrize("name", register_pipelines())
def test_layers_come_in_order_in_every_pipeline(name):
    """kedro-viz sorts them by what is made of what, and else by name; with a circle it shows none."""
    _, catalog = catalog_of("base")
    layer = lambda dataset: catalog.get(dataset).metadata["kedro-viz"]["layer"]
    beside = {"parameters", "run_record"}
    for node in register_pipelines()[name].nodes:
        read, made = ({layer(dataset) for dataset in {*names} - beside} for names in (node.inputs, node.outputs))
        assert max(read, default=LAYERS[0]) <= min(made), node.name


def test_a_copy_without_the_private_folder_runs(tmp_path):
    """``conf/local`` is what a container leaves out; Kedro's default environment would not be found."""
    shutil.copytree(PROJECT / "conf" / "base", tmp_path / "base")
    without = IdentifyingConfigLoader(str(tmp_path), **CONFIG_LOADER_ARGS)
    assert without.environment == "base"
    assert without["parameters"] == resolved("base")
    with pytest.raises(BadInputError, match="There is no environment 'local'"):
        IdentifyingConfigLoader(str(tmp_path), env="local", **CONFIG_LOADER_ARGS)["parameters"]

"""Every shipped environment resolves: parameters are valid, every dataset has an entry that can be built."""

import re

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog

from blur_pipeline.parameters import check_parameters
from blur_pipeline.pipeline_registry import register_pipelines
from blur_pipeline.settings import CONFIG_LOADER_ARGS
from tests.conftest import PROJECT

ENVIRONMENTS = sorted(p.name for p in (PROJECT / "conf").iterdir() if (p / "globals.yml").exists())
METHODS = ["ga", "grad_diff", "npo", "simnpo", "rmu", "blur_npo", "blur_ga", "blur_simnpo", "blur_rmu"]


def loader(env: str, **runtime) -> OmegaConfigLoader:
    return OmegaConfigLoader(str(PROJECT / "conf"), env=env, runtime_params=runtime, **CONFIG_LOADER_ARGS)


def test_the_environments_of_the_plan_are_there():
    assert {"base", "tofu", "smollm2", "own_data"} <= set(ENVIRONMENTS)


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("method", METHODS)
def test_parameters_resolve_for_every_method(env, method):
    parameters = check_parameters(loader(env, method=method)["parameters"])
    assert parameters.benchmark == loader(env)["globals"]["benchmark"]
    recipe = parameters.unlearning.recipe
    assert recipe.weighting.kind == ("bilevel" if method.startswith("blur") else "sum")
    assert parameters.unlearning.schedule_of(method).total_steps(40) > 0


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


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_dataset_is_in_the_catalog_with_benchmark_and_layer(env):
    catalog = DataCatalog.from_config(loader(env, method="npo")["catalog"])
    benchmark = loader(env)["globals"]["benchmark"]
    names = {
        name
        for pipeline in register_pipelines().values()
        for name in pipeline.datasets()
        if not name.startswith("params:") and name != "run_record"
    }
    for name in sorted(names):
        dataset = catalog.get(name)
        assert dataset is not None, name
        assert dataset.metadata["kedro-viz"]["layer"], name
        path = str(getattr(dataset, "_filepath", None) or dataset._path)
        assert f"/{benchmark}/" in path, name
        after_unlearning = name.startswith(("unlearn", "metrics_", "report_", "example_", "seed_")) or "figure" in name
        assert ("/npo/" in path) == after_unlearning, name

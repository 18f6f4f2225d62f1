"""FSDP2 from the meta device: no rank holds the whole model, and the numbers are those of replicas."""

import pytest
import torch
from torch.distributed.fsdp import FSDPModule
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from blur_pipeline.models.anatomy import only_up_to
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.workers import sharding
from blur_pipeline.training.workers.job import Job
from blur_pipeline.training.workers.worker import whole
from tests.conftest import build_tiny_model
from tests.models.test_masks import GPT, SHAPE
from tests.training.test_every_cut import assert_same_steps, cut_run
from tests.workers import run_ranks

CPU = torch.device("cpu")
MODELS = {
    "llama": build_tiny_model,
    "tied": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**GPT)),  # tied, and with layers called h
}
CASES = [
    *((model, "blur_npo") for model in MODELS),
    *(("llama", recipe) for recipe in ("blur_rmu", "grad_diff_kl", "lora")),  # θ₀: a layer, a second model, adapters
    ("tied", "lora"),
    ("tied", "input_vector_kl"),  # it unties them in the end
]


def build(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS[name]()


def run_of(recipe: str, **engine) -> Run:
    return cut_run(recipe, Engine(**engine))


def _write(folder, model: str, recipe: str) -> Job:
    job = Job(folder / f"{model}-{recipe}")
    job.write(build(model), run_of(recipe, processes=2, sharding="fsdp"), "cpu")
    return job


def _on_rank(rank: int, folder) -> None:
    for model, recipe in CASES:
        job = Job(folder / f"{model}-{recipe}")
        hollow, run, cuts = job.model(), job.run(), []
        assert all(p.is_meta for p in hollow.parameters())
        read = sharding.HuggingFaceStorageReader._process_read_request

        def counted(self, file, request, planner, read=read, cuts=cuts):
            cuts.append(request.lengths.numel())
            return read(self, file, request, planner)

        sharding.HuggingFaceStorageReader._process_read_request = counted
        shards, history = train(hollow, run, CPU, job.weights)
        sharding.HuggingFaceStorageReader._process_read_request = read
        held = sum(p.to_local().numel() for p in shards.parameters())
        every = sum(p.numel() for p in shards.parameters())
        finished = whole(shards, job, run)
        if rank == 0:
            torch.save((finished.state_dict(), history), job.folder / "result.pt")
        torch.save((held, every, sum(cuts)), job.folder / f"counts-{rank}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All cases trained by one group of two ranks."""
    place = tmp_path_factory.mktemp("sharding")
    for case in CASES:
        _write(place, *case)
    run_ranks(_on_rank, 2, place, place)
    return place


@pytest.mark.parametrize(("model", "recipe"), CASES)
def test_shards_give_what_one_process_gives(folder, model, recipe):
    torch.manual_seed(0)
    alone, expected = train(build(model), run_of(recipe))
    weights, rows = torch.load(folder / f"{model}-{recipe}" / "result.pt", weights_only=False)
    assert_same_steps(rows, expected)
    assert weights.keys() == alone.state_dict().keys()
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(("model", "recipe"), CASES)
def test_no_rank_holds_or_reads_the_whole_model(folder, model, recipe):
    counts = [torch.load(folder / f"{model}-{recipe}" / f"counts-{rank}.pt") for rank in (0, 1)]
    times = (
        2 if recipe in ("grad_diff_kl", "blur_rmu", "input_vector_kl") else 1
    )  # θ₀ is a second model out of the same files
    every = counts[0][1]
    assert sum(held for held, *_ in counts) == every
    for held, _, read in counts:
        assert held < 0.6 * every
        assert read == times * held  # each rank its own part of each weight, once


def test_what_a_model_brings_beside_its_weights_comes_along(tmp_path):
    """Its settings for generating; and buffers that are in no file."""
    model = build("llama")
    model.generation_config.max_length = 77
    job = Job(tmp_path)
    job.write(model, run_of("blur_npo", processes=2, sharding="fsdp"), "cpu")
    hollow = job.model()
    assert hollow.generation_config.max_length == 77
    frequencies = dict(hollow.named_buffers())
    assert frequencies
    for name, buffer in build("llama").named_buffers():
        assert torch.equal(frequencies[name], buffer)


def test_a_file_without_a_weight_is_refused(tmp_path):
    job = _write(tmp_path, "llama", "blur_npo")
    model = job.model()
    model.register_parameter("extra", torch.nn.Parameter(torch.empty(2, device="meta")))
    with pytest.raises(ValueError, match=r"extra is in none of the files of .*weights"):
        sharding.names_to_read(model, job.weights)


def _passes_that_end_early(rank: int, folder) -> None:
    model = sharding.shard(build("llama"), "fp32", CPU)
    sharding.begin(model)
    ids = torch.arange(8)[None] % 5
    with only_up_to(model, 0):
        model(input_ids=ids)
    model(input_ids=ids)
    units = {name: unit._get_fsdp_state() for name, unit in model.named_modules() if isinstance(unit, FSDPModule)}
    gathered = [
        name for name, state in units.items() if state._fsdp_param_group and state._fsdp_param_group.is_unsharded
    ]
    torch.save(({name: state._is_root for name, state in units.items()}, gathered), folder / f"{rank}.pt")


def test_a_pass_that_ends_at_a_layer_leaves_those_above_a_part_of_the_whole(tmp_path):
    """RMU's first: a layer that torch takes for a model of its own stays gathered after each pass to the end."""
    run_ranks(_passes_that_end_early, 2, tmp_path, tmp_path)
    roots, gathered = torch.load(tmp_path / "0.pt")
    assert {name for name, root in roots.items() if root} == {""}
    assert {"model.embed_tokens", "lm_head", "model.layers.0", "model.layers.1"} < set(roots)
    assert not [name for name in gathered if name.startswith("model.layers")]

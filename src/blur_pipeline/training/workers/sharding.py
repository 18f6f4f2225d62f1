"""FSDP2: every weight, gradient and optimizer state cut over the ranks (torch's ``fully_shard``).

A model that is larger than one GPU, or than the memory of a host with many ranks, is built on the meta device, cut
there, and then each rank reads its own part of each weight.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from blur_pipeline.models.anatomy import base_of, decoder_layers
from blur_pipeline.training.engine import Precision


def shard(model: nn.Module, precision: Precision, device: torch.device) -> nn.Module:
    """The same model with one shard unit a decoder layer, one each for embeddings and head, and one for the rest.

    What is one unit is gathered as one, with its gradient: embeddings and head of an 8B model together are as large as
    five of its layers. Where they share their weight they stay in the rest.
    """
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    computed = torch.bfloat16 if precision == "bf16" else None
    policy = MixedPrecisionPolicy(param_dtype=computed, reduce_dtype=torch.float32)
    for unit in [*decoder_layers(model), *_ends(model), model]:
        fully_shard(unit, mesh=mesh, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # every rank has divided by the step's count already
            module.set_force_sum_reduction_for_comms(True)
    return model


def begin(model: nn.Module) -> None:
    """Settle which unit is the whole. Torch settles it in the first forward pass, among the modules that are there: of
    one that ends at a layer those above would stay apart, and gathered, for good."""
    model._get_fsdp_state()._lazy_init()


def _ends(model: nn.Module) -> list[nn.Module]:
    base = base_of(model)
    embeddings, head = base.get_input_embeddings(), base.get_output_embeddings()
    if head is None or head.weight is embeddings.weight:
        return []
    return [embeddings, head]


def read(model: nn.Module, folder: Path, device: torch.device) -> None:
    """Fill a model that was cut on the meta device: this rank's part of every weight, out of safetensors whose names
    are those of its state dict. Buffers are there already; weights that were one stay one.

    Raises:
        ValueError: a weight is in none of the files.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    shared = _shared(model)
    model.to_empty(device=device)
    for first, *others in shared:
        for name in others:
            place, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(place), attribute, model.get_parameter(first))
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
    state, names = model.state_dict(), names_to_read(model, folder)
    dcp.load({name: state[name] for name in names}, storage_reader=HuggingFaceStorageReader(str(folder)))


def names_to_read(model: nn.Module, folder: Path) -> list[str]:
    """Of the state dict, those in the files: of weights that are one, one is stored.

    Raises:
        ValueError: a weight is in none of the files.
    """
    stored = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    found = {id(p) for name, p in model.named_parameters(remove_duplicate=False) if name in stored}
    missing = [name for name, p in model.named_parameters() if id(p) not in found]
    if missing:
        raise ValueError(f"{missing[0]} is in none of the files of {folder}")
    return [name for name in model.state_dict() if name in stored]


def _shared(model: nn.Module) -> list[list[str]]:
    """Names of the weights that are one under several, as an embedding that is the head too."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def gather(model: nn.Module) -> dict[str, Tensor]:
    """The whole state dict on the CPU of rank 0, empty on the others; a collective operation."""
    return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))

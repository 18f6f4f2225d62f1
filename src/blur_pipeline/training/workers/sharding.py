"""FSDP2: every weight, gradient and optimizer state cut over the ranks (torch's ``fully_shard``)."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from blur_pipeline.models.anatomy import decoder_layers
from blur_pipeline.training.engine import Precision


def shard(model: nn.Module, precision: Precision, device: torch.device) -> nn.Module:
    """The same model with one shard unit a decoder layer, and one for the rest."""
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    computed = torch.bfloat16 if precision == "bf16" else None
    policy = MixedPrecisionPolicy(param_dtype=computed, reduce_dtype=torch.float32)
    for layer in decoder_layers(model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # every rank has divided by the step's count already
            module.set_force_sum_reduction_for_comms(True)
    return model


def gather(model: nn.Module) -> dict[str, Tensor]:
    """The whole state dict on the CPU of rank 0, empty on the others; a collective operation."""
    return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))

"""θ and θ₀ as two whole models, the losses written out on full logits: slow and plain, to hold the engine against."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, logsigmoid

from blur_pipeline.methods.choice import Loss
from blur_pipeline.methods.forget import RMU
from blur_pipeline.models.examples import Examples

ROUNDING = {"fp32": 1e-5, "bf16_autocast": 2**-8, "bf16": 2**-8}
"""Relative: a few float32 roundings, or one of bfloat16."""


def rounded(model: nn.Module, precision: str) -> nn.Module:
    """A copy whose weights are those that ``precision`` computes with; buffers stay."""
    model = copy.deepcopy(model)
    if precision == "bf16":
        for parameter in model.parameters():
            parameter.data = parameter.data.bfloat16()
    return model


def autocast(precision: str) -> AbstractContextManager:
    """A fresh context, so that no cast of one model is left to another."""
    return torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16_autocast" else nullcontext()


def plain_loss(loss: Loss, model: nn.Module, frozen: nn.Module, examples: Examples, rows, precision: str) -> Tensor:
    """The mean over ``rows``, with the graph of ``model``; each model runs in its own context."""
    batch = examples.batch(examples.by_length(rows))

    def look(at: nn.Module) -> tuple[Tensor, tuple[Tensor, ...]]:
        with autocast(precision):
            out = at(input_ids=batch.input_ids, attention_mask=batch.attention_mask, output_hidden_states=True)
        # the last entry of hidden_states is behind the final norm, which no loss reads
        return out.logits.float().flatten(0, 1), [h.flatten(0, 1)[batch.filled] for h in out.hidden_states[1:-1]]

    logits, hidden = look(model)
    with torch.no_grad():
        logits0, hidden0 = look(frozen)
    supervised, supervised0 = (x[batch.predicting].log_softmax(-1) for x in (logits, logits0))
    at_label = (torch.arange(len(batch.targets)), batch.targets)
    if loss.kind == "kl":
        total = kl_div(supervised, supervised0, log_target=True, reduction="sum")
    elif loss.kind == "js":
        middle = ((supervised.exp() + supervised0.exp()) / 2).log()
        total = sum(kl_div(middle, one, log_target=True, reduction="sum") for one in (supervised, supervised0)) / 2
    elif loss.kind == "npo_logits":
        gap = loss.beta * (logits0 - logits)[batch.filled]
        total = -2 / loss.beta * logsigmoid(gap).mean(-1).sum()
    elif loss.kind == "activation_mse":
        whose = torch.isin(batch.filled, batch.predicting + 1) | loss.prompt
        total = (hidden[loss.layer].float() - hidden0[loss.layer].float())[whose].square().mean(-1).sum()
    elif loss.kind == "adaptive_rmu":
        u = RMU(layer=0).direction(0, hidden[0].shape[-1])
        aim = loss.scale * hidden0[loss.layer].float().square().sum(-1, keepdim=True).sqrt() * u
        total = (hidden[loss.layer].float() - aim).square().mean(-1).sum()
    elif loss.kind == "rr":
        pairs = [(hidden[layer].float(), hidden0[layer].float()) for layer in loss.layers]
        cosines = [(h * h0).sum(-1) / (h.square().sum(-1) * h0.square().sum(-1)).sqrt() for h, h0 in pairs]
        total = sum(cosine.relu().sum() for cosine in cosines) / len(cosines)
    elif loss.kind == "activation_norm":
        gaps = [(hidden[layer].float() - hidden0[layer].float()).square().sum(-1).sqrt() for layer in loss.layers]
        total = sum(gap.sum() for gap in gaps) / len(gaps)
    elif loss.kind == "npo":
        zeros = torch.zeros(batch.size)
        ratio = zeros.index_add(0, batch.sequence, supervised[at_label] - supervised0[at_label])
        total = -2 / loss.beta * logsigmoid(-loss.beta * ratio).sum()
    elif loss.kind == "tnpo":
        p, p0 = supervised[at_label].exp(), supervised0[at_label].exp()
        total = -(-supervised[at_label] * (2 * p / (p + p0)).detach()).sum()
    elif loss.kind == "undial":
        lowered = logits0[batch.predicting].clone()
        lowered[at_label] -= loss.beta
        total = -(lowered.softmax(-1) * supervised).sum()
    else:
        raise AssertionError(
            f"nobody has written the loss '{loss.kind}' out a second time, so no cut of it can be tested"
        )
    return total / examples.count(rows, loss.unit)

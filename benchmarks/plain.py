"""A faithful plain layout of the published BLUR step, to measure against.

A frozen copy of the model runs each step, logits exist at every position, both graphs are alive at once and kept
(``retain_graph=True``), the gradients are copied twice and a third time, and inner products are read by the host
tensor by tensor. Its numbers are right here (METHODS' defects of correctness are not repeated); it is the layout
that is compared. The optimizer is the same fused AdamW as ours.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, logsigmoid

from blur_pipeline.models.examples import Batch

BETA = 0.1


class PlainNPO:
    """BLUR-NPO: NPO against a frozen model on the forget batch, NLL on the retain batch."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.frozen = model, copy.deepcopy(model).requires_grad_(False)

    def losses(self, forget: Batch, retain: Batch) -> tuple[Tensor, Tensor]:
        ours = -_sequence_nll(self.model, forget)
        with torch.no_grad():
            theirs = -_sequence_nll(self.frozen, forget)
        npo = -(2 / BETA) * logsigmoid(-BETA * (ours - theirs)).mean()
        tokens = len(retain.targets)
        return npo, _sequence_nll(self.model, retain).sum() / tokens


class PlainRMU:
    """BLUR-RMU: activations read by a hook from whole forward passes, as in WMDP's code."""

    def __init__(self, model: nn.Module, layer: int, trained: list[Tensor], steering: float = 6.5) -> None:
        self.model, self.frozen, self.layer = model, copy.deepcopy(model).requires_grad_(False), layer
        self.steering = steering
        model.requires_grad_(False)
        for parameter in trained:
            parameter.requires_grad_(True)
        u = torch.rand(model.config.hidden_size, device=model.device, dtype=model.dtype)
        self.direction = u / u.norm()

    def losses(self, forget: Batch, retain: Batch) -> tuple[Tensor, Tensor]:
        aim = self.steering * self.direction
        forget_loss = (self._activations(self.model, forget) - aim).square().mean()
        kept = self._activations(self.model, retain)
        with torch.no_grad():
            reference = self._activations(self.frozen, retain)
        return forget_loss, (kept - reference).square().mean()

    def _activations(self, model: nn.Module, batch: Batch) -> Tensor:
        """``(P, H)``, those of padding left out."""
        seen = []
        handle = model.model.layers[self.layer].register_forward_hook(lambda _m, _i, out: seen.append(out))
        model(input_ids=batch.input_ids, attention_mask=_mask(batch), use_cache=False)
        handle.remove()
        return seen[0].flatten(0, 1)[batch.filled]


def plain_step(
    losses: PlainNPO | PlainRMU, optimizer: torch.optim.Optimizer, forget: Batch, retain: Batch, gamma: float = 1.0
) -> float:
    """One step of the plain layout."""
    named = {n: p for n, p in losses.model.named_parameters() if p.requires_grad}
    forget_loss, retain_loss = losses.losses(forget, retain)
    optimizer.zero_grad()
    forget_loss.backward(retain_graph=True)
    forget_gradient = {n: p.grad.clone() for n, p in named.items()}
    optimizer.zero_grad()
    retain_loss.backward(retain_graph=True)
    retain_gradient = {n: p.grad.clone() for n, p in named.items()}
    inner = sum((forget_gradient[n] * retain_gradient[n]).sum().item() for n in named)
    square = sum(forget_gradient[n].square().sum().item() for n in named)
    xi = gamma - inner / square
    projected = {n: retain_gradient[n] + xi * forget_gradient[n] for n in named}
    for n, p in named.items():
        p.grad = projected[n].clone()
    torch.nn.utils.clip_grad_norm_(list(named.values()), 1.0)
    optimizer.step()
    return forget_loss.item() + retain_loss.item()


def _sequence_nll(model: nn.Module, batch: Batch) -> Tensor:
    """Full logits in float32, shifted copies, masked by the labels."""
    logits = model(input_ids=batch.input_ids, attention_mask=_mask(batch), use_cache=False).logits.float()
    labels = torch.full_like(batch.input_ids, -100).flatten()
    labels[batch.predicting + 1] = batch.targets
    labels = labels.view_as(batch.input_ids)[:, 1:].contiguous()
    shifted = logits[:, :-1].contiguous()
    losses = cross_entropy(shifted.flatten(0, 1), labels.flatten(), reduction="none")
    return losses.view_as(labels).sum(dim=-1)


def _mask(batch: Batch) -> Tensor:
    """As a collator hands it over, whether anything is padded or not."""
    return torch.zeros_like(batch.input_ids).flatten().index_fill(0, batch.filled, 1).view_as(batch.input_ids)

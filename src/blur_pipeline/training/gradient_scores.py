"""How much each sequence would move θ₀: the rows with the longest gradients stand for the rest (a core set)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from blur_pipeline.models.examples import Examples
from blur_pipeline.models.forward import Forward
from blur_pipeline.models.progress import ProgressBar


def whole_gradient_norms(model: nn.Module, examples: Examples, device: torch.device, title: str) -> np.ndarray:
    """``(n,)`` float64: ‖∇ mean token NLL‖₂ over all weights, one sequence at a time, float32, without dropout (GraNd:
    Paul et al., arXiv 2107.07075; as a core set for unlearning: Pal et al., arXiv 2504.10185).

    The model's own ``requires_grad`` is left as it was.
    """
    model.to(device).eval()
    parameters, found = list(model.parameters()), np.zeros(len(examples))
    before = [parameter.requires_grad for parameter in parameters]
    model.requires_grad_(True)
    with ProgressBar(title, len(examples), start=0) as bar:
        for i in range(len(examples)):
            loss = -Forward(model, examples.batch([i]).to(device)).token_logprobs().mean()
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            norms = torch.stack(torch._foreach_norm([g for g in gradients if g is not None]))
            found[i] = norms.double().square().sum().sqrt()
            bar({"step": i})
    for parameter, needed in zip(parameters, before, strict=True):
        parameter.requires_grad_(needed)
    return found

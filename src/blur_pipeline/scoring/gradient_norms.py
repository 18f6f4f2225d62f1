"""The gradient of each example's loss, measured: what the gradient-norm membership attack looks at."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from blur_pipeline.training.examples import Examples
from blur_pipeline.training.forward import Forward
from blur_pipeline.training.progress import ProgressBar


def gradient_norms(model: nn.Module, examples: Examples, title: str, p: float = 2) -> np.ndarray:
    """``(n,)`` float64: mean over parameter tensors of the p-norm of ∇ mean token NLL, one example at a time.

    Members have been fitted, so their gradient is small. The model's own ``requires_grad`` and gradients are left
    as they were.
    """
    model.eval()
    device = next(model.parameters()).device
    parameters = list(model.parameters())
    needed = [parameter.requires_grad for parameter in parameters]
    model.requires_grad_(True)
    norms = []
    with ProgressBar(title, len(examples)) as bar:
        for i in range(len(examples)):
            logprobs = Forward(model, examples.batch([i]).to(device)).token_logprobs()
            gradients = torch.autograd.grad(-logprobs.mean(), parameters)
            norms.append(torch.stack(torch._foreach_norm(gradients, p)).double().mean())
            bar({"step": i})
    for parameter, before in zip(parameters, needed, strict=True):
        parameter.requires_grad_(before)
    return torch.stack(norms).cpu().numpy() if norms else np.empty(0)

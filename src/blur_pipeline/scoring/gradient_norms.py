"""The gradient of each example's loss, measured: what the gradient-norm membership attack looks at."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

from blur_pipeline.models.examples import Examples
from blur_pipeline.models.forward import Forward
from blur_pipeline.models.progress import ProgressBar
from blur_pipeline.scoring.kept import Kept

EXAMPLES_IN_A_PART = 32


def gradient_norms(
    model: nn.Module, examples: Examples, title: str, p: float = 2, keep: str | None = None
) -> np.ndarray:
    """``(n,)`` float64: mean over parameter tensors of the p-norm of ∇ mean token NLL, one example at a time.

    The mean is over all supervised tokens but the last, which is the end-of-sequence one of an answer
    (open-unlearning's convention); NaN where none is left. Members have been fitted, so their gradient is small.
    The model's own ``requires_grad`` and gradients are left as they were. With ``keep``, a folder, norms are kept
    there and not measured again.
    """
    model.eval()
    kept = Kept.of(keep, model, ("gradient norms", p))
    needed = [parameter.requires_grad for parameter in model.parameters()]
    model.requires_grad_(True)
    parts = [np.empty(0)]
    with ProgressBar(title, len(examples), start=0) as bar:
        for start in range(0, len(examples), EXAMPLES_IN_A_PART):
            part = examples.take(range(start, min(start + EXAMPLES_IN_A_PART, len(examples))))
            read = [*part.input_ids, *part.labels]
            found = kept.load(read, ["norm"])
            if found is None:
                norms = []
                for i in range(len(part)):
                    norms.append(_norm(model, part, i, p))
                    bar({"step": start + i})
                found = pd.DataFrame({"norm": norms})
                kept.save(read, found)
            parts.append(found["norm"].to_numpy())
    for parameter, before in zip(model.parameters(), needed, strict=True):
        parameter.requires_grad_(before)
    return np.concatenate(parts)


def _norm(model: nn.Module, examples: Examples, row: int, p: float) -> float:
    parameters = list(model.parameters())
    logprobs = Forward(model, examples.batch([row]).to(parameters[0].device)).token_logprobs()[:-1]
    if not len(logprobs):
        return float("nan")
    gradients = torch.autograd.grad(-logprobs.mean(), parameters)
    return float(torch.stack(torch._foreach_norm(gradients, p)).double().mean())

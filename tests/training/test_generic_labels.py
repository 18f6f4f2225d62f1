"""Generic labels: what θ₀ would say without what a reinforced model says more of."""

import copy
from types import SimpleNamespace

import pytest
import torch

from blur_pipeline.models.examples import IGNORED
from blur_pipeline.training import generic_labels as module
from blur_pipeline.training.generic_labels import generic_labels
from tests.conftest import build_tiny_model, random_examples

CPU = torch.device("cpu")
EXAMPLES = random_examples(6, seed=1)


def logits(model, row: int) -> torch.Tensor:
    """Of each position of one sequence, which runs alone."""
    return model(input_ids=torch.as_tensor(EXAMPLES.input_ids[row])[None]).logits[0]


@pytest.mark.parametrize("alpha", [0.0, 5.0])
@torch.no_grad()
def test_each_label_stands_where_the_answer_s_stood(alpha):
    """α 0 is θ₀'s own most likely token; 5 differs from it somewhere."""
    model = build_tiny_model()
    reinforced = copy.deepcopy(model)
    for parameter in reinforced.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.1)
    found, differs = generic_labels(model, reinforced, EXAMPLES, alpha, CPU), 0
    for i, labels in enumerate(EXAMPLES.labels):
        base, more = logits(model, i), logits(reinforced, i)
        wanted = (base - alpha * torch.clamp(more - base, min=0)).argmax(-1)
        for t, label in enumerate(labels):
            expected = IGNORED if label == IGNORED or t == 0 else wanted[t - 1].item()
            assert found[i][t] == expected
            differs += expected not in (IGNORED, base[t - 1].argmax().item())
    assert (differs > 0) == (alpha > 0)


def test_by_hand(monkeypatch):
    """z₀ (1, 0.9), reinforced (2, 0.9), α 5: (−4, 0.9). What reinforcement makes less likely counts not."""
    said = {"base": torch.tensor([[1.0, 0.9], [1.0, 0.9]]), "more": torch.tensor([[2.0, 0.9], [-9.0, 0.9]])}
    models = [SimpleNamespace(name=name, to=lambda _d: SimpleNamespace(eval=lambda: None)) for name in said]
    monkeypatch.setattr(
        module, "Forward", lambda model, _batch: SimpleNamespace(supervised_logits=lambda: said[model.name])
    )
    one = type(EXAMPLES).from_columns([[5, 6, 7]], [[IGNORED, 6, 7]])
    assert generic_labels(*models, one, 5.0, CPU)[0].tolist() == [IGNORED, 1, 0]

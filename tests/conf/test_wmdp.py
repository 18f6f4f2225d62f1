"""WMDP's environment says what the published code does: its Adam, its topics by turns, its lengths."""

import pytest
import torch

from blur_pipeline.config.parameters import check_parameters
from tests.conf.test_environments import parameters_of
from tests.resolved import loader

ALPHA, EPSILON = 800.0, 1e-6  # BLUR-RMU's factor; the ε of the AdamW that transformers had
GAMMA = 1 / ALPHA


def parameters(method: str):
    return parameters_of("wmdp", method)


def moved(optimizer, directions) -> torch.Tensor:
    """A weight after steps along ``directions``."""
    weight = torch.zeros(3, requires_grad=True)
    adam = optimizer([weight])
    for direction in directions:
        weight.grad = direction.clone()
        adam.step()
    return weight.detach()


def test_blur_rmu_s_adam_sees_what_the_published_one_sees():
    """Ours is r + ξ·f, theirs α times that; Adam divides a factor out, but for ε. Gradients here are as small as ε."""
    recipe = parameters("blur_rmu").unlearning.recipe
    assert recipe.weighting.gamma == GAMMA
    f, r = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)) * 1e-9
    ours, theirs = [], []
    for one, other in zip(f, r, strict=True):
        slope = (one @ other) / (one @ one)
        ours.append(other + (GAMMA - slope) * one)
        theirs.append(one + ALPHA * (other - slope * one))
    published = lambda parameters: torch.optim.AdamW(parameters, lr=5e-5, eps=EPSILON, weight_decay=0.0)
    torch.testing.assert_close(moved(recipe.optimizer, ours), moved(published, theirs), rtol=1e-4, atol=0)


def test_rmu_s_loss_is_the_published_one_unscaled():
    optimizer = parameters("rmu").unlearning.recipe.optimizer
    assert (optimizer.eps, optimizer.weight_decay, optimizer.lr) == (EPSILON, 0.0, 5e-5)


@pytest.mark.parametrize("method", ["rmu", "blur_rmu"])
def test_topics_take_turns(method):
    schedule = parameters(method).unlearning.schedule_of(method)
    assert (schedule.topics, schedule.steps, schedule.batch_size) == ("alternate", 150, 4)


def test_documents_are_cut_not_parted():
    sources = parameters("rmu").sources
    assert {source.max_blocks for source in (*sources.forget.parts.values(), sources.retain)} == {1}


@pytest.mark.parametrize("data_from", ["files", "hub"])
def test_cyber_security_is_read_further_than_the_rest(data_from):
    found = check_parameters(loader("wmdp", method="rmu", data_from=data_from)["parameters"])
    longest = found.curation.max_length
    parts = found.sources.forget.parts
    lengths = {name: min(longest, source.max_tokens or longest) for name, source in parts.items()}
    assert lengths == {"bio": 512, "cyber": 768}
    assert found.sources.retain.max_tokens == 512

"""The engine against a plain implementation, at every cut, and its resume."""

import copy

import pytest
import torch

from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.models.examples import epoch_rows, stream_rows
from blur_pipeline.training.checkpoints import Checkpoints
from blur_pipeline.training.engine import Engine
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.scalars import NonFiniteError
from blur_pipeline.training.schedule import Schedule

BLUR_NPO = {
    "forget": {"kind": "npo", "beta": 0.1},
    "weighting": {"kind": "bilevel", "gamma": 0.5},
    "optimizer": {"kind": "adamw", "lr": 1e-3},
}
METHODS = {
    "blur_npo": BLUR_NPO,
    "npo": {**BLUR_NPO, "weighting": {"kind": "sum"}},
    "retain_lower": {**BLUR_NPO, "weighting": {"kind": "bilevel", "lower": "retain"}},
    "ga": {"forget": {"kind": "ga"}, "retain": {"kind": "none"}},
    "grad_diff": {"forget": {"kind": "ga"}},
    "npo_logits_kl": {"forget": {"kind": "npo_logits"}, "retain": {"kind": "kl"}},
    "blur_simnpo": {"forget": {"kind": "simnpo"}, "weighting": {"kind": "bilevel"}},
    "blur_rmu": {
        "forget": {"kind": "rmu", "layer": 0},
        "retain": {"kind": "activation_mse", "layer": 0},
        "weighting": {"kind": "bilevel", "gamma": 0.1},
    },
    "looks_first": {
        "forget": {"kind": "adaptive_rmu", "layer": 0, "coefficient": "topic"},
        "retain": [{"kind": "nll"}, {"kind": "l1", "weight": 1e-4}],
    },
    "lora": {**BLUR_NPO, "scope": {"kind": "lora", "rank": 2}},
    "eight_bits": {**BLUR_NPO, "optimizer": {"kind": "adamw_8bit", "lr": 1e-3}},
    "modules": {**BLUR_NPO, "scope": {"kind": "modules", "patterns": ["*.mlp.*"]}},
}
RESUMED = ("blur_npo", "lora", "modules", "blur_rmu", "eight_bits", "looks_first")


def weights(model) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def run_of(recipe, forget, retain, engine=None, **schedule) -> Run:
    schedule = Schedule(**{"steps": 4, "batch_size": 5, **schedule})
    return Run(Recipe(**recipe), schedule, retain, forget, seed=3, engine=Engine(**(engine or {})))


def assert_same(left, right, **tolerance):
    for name, value in weights(left).items():
        torch.testing.assert_close(value, weights(right)[name], msg=lambda m, n=name: f"{n}: {m}", **tolerance)


def comparable(row) -> dict[str, float]:
    """A row without the cosine of a gradient that is zero but for rounding, as KL's is at θ₀."""
    vanishing = min(row["retain_gradient_norm"], row.get("forget_gradient_norm", 1.0)) < 1e-6
    return {n: v for n, v in row.items() if not (vanishing and n == "gradient_cosine")}


def plain_blur_npo(model, run: Run) -> None:
    """BLUR-NPO as one would write it for clarity: two autograd.grad calls, full logits, one flat vector."""
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    total = run.total_steps
    beta, gamma = run.recipe.forget[0].beta, run.recipe.weighting.gamma

    def logprob(ids, labels) -> tuple[torch.Tensor, int]:
        out = model(input_ids=torch.as_tensor(ids)[None]).logits[0].log_softmax(-1)
        places = [t for t in range(1, len(ids)) if labels[t] >= 0]
        return torch.stack([out[t - 1, ids[t]] for t in places]).sum(), len(places)

    for step in range(total):
        forget_rows = epoch_rows(len(run.forget), 5, 3, step)
        retain_rows = stream_rows(len(run.retain), 5, 3, step)
        npo = torch.stack(
            [
                -(2 / beta)
                * torch.nn.functional.logsigmoid(
                    -beta
                    * (logprob(run.forget.input_ids[i], run.forget.labels[i])[0] - run.forget.reference_logprobs[i])
                )
                for i in forget_rows
            ]
        ).mean()
        parts = [logprob(run.retain.input_ids[i], run.retain.labels[i]) for i in retain_rows]
        nll = -sum(p for p, _ in parts) / sum(n for _, n in parts)
        f = torch.cat([g.flatten() for g in torch.autograd.grad(npo, parameters)])
        r = torch.cat([g.flatten() for g in torch.autograd.grad(nll, parameters)])
        d = r + (gamma - (r @ f) / (f @ f)) * f
        d = d * min(1.0, run.schedule.max_grad_norm / (d.norm().item() + 1e-6))
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (total - step) / total
        at = 0
        for parameter in parameters:
            parameter.grad = d[at : at + parameter.numel()].view_as(parameter).clone()
            at += parameter.numel()
        optimizer.step()


def test_equals_a_plain_double_backward(tiny_model, forget_examples, retain_examples):
    run = run_of(BLUR_NPO, forget_examples, retain_examples)
    plain = copy.deepcopy(tiny_model)
    plain_blur_npo(plain, run)
    ours, _ = train(copy.deepcopy(tiny_model), run)
    assert_same(ours, plain, rtol=1e-4, atol=5e-6)
    assert any(not torch.equal(w, weights(tiny_model)[n]) for n, w in weights(ours).items())


@pytest.mark.parametrize("name", ["retain_lower", "eight_bits", "looks_first", "ga"])
def test_a_step_does_not_depend_on_the_micro_batch(name, tiny_model, forget_examples, retain_examples):
    """Published defect: with gradient accumulation only the last micro-batch counted. Others: test_every_cut.py."""
    _, whole = train(copy.deepcopy(tiny_model), run_of(METHODS[name], forget_examples, retain_examples, steps=1))
    for size in (1, 2, 3):
        run = run_of(METHODS[name], forget_examples, retain_examples, {"micro_batch_size": size}, steps=1)
        _, cut = train(copy.deepcopy(tiny_model), run)
        assert comparable(cut[0]) == pytest.approx(comparable(whole[0]), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in RESUMED])
def test_the_same_seed_gives_the_same_weights_twice(name, tiny_model, forget_examples, retain_examples):
    run = run_of(METHODS[name], forget_examples, retain_examples)
    one, first = train(copy.deepcopy(tiny_model), run)
    other, second = train(copy.deepcopy(tiny_model), run)
    assert first == second
    assert_same(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("name", RESUMED)
def test_resuming_equals_not_stopping_bit_for_bit(name, tmp_path, tiny_model, forget_examples, retain_examples):
    def run(folder, *watchers):
        made = run_of(METHODS[name], forget_examples, retain_examples, steps=6)
        checkpoints = Checkpoints(tmp_path / folder, "same run", every=2)
        return Run(**{**vars(made), "checkpoints": checkpoints, "watchers": list(watchers)})

    def power_cut(row):
        if row["step"] == 4:
            raise KeyboardInterrupt

    whole, history = train(copy.deepcopy(tiny_model), run("whole"))
    with pytest.raises(KeyboardInterrupt):
        train(copy.deepcopy(tiny_model), run("cut", power_cut))
    assert sorted(p.name for p in (tmp_path / "cut" / "same run").iterdir()) == ["step-000002", "step-000004"]
    resumed, again = train(copy.deepcopy(tiny_model), run("cut"))
    assert again == history
    assert_same(whole, resumed, rtol=0, atol=0)


def test_another_run_s_checkpoint_is_not_resumed(tmp_path, tiny_model, forget_examples, retain_examples):
    made = run_of(BLUR_NPO, forget_examples, retain_examples)
    for fingerprint in ("one", "other"):
        checkpoints = Checkpoints(tmp_path, fingerprint, every=2)
        _, history = train(copy.deepcopy(tiny_model), Run(**{**vars(made), "checkpoints": checkpoints}))
        assert [row["step"] for row in history] == [0, 1, 2, 3]


def test_clipping_bounds_the_combined_direction(tiny_model, forget_examples, retain_examples):
    """Published defect: the parts were clipped, and their combination was not."""
    seen = []
    step = torch.optim.AdamW.step

    def spy(self, *args, **kwargs):
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        seen.append(torch.stack([g.norm() for g in gradients]).norm().item())
        return step(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", spy)
        run = run_of(BLUR_NPO, forget_examples, retain_examples, max_grad_norm=0.01)
        _, history = train(copy.deepcopy(tiny_model), run)
    assert seen == pytest.approx([0.01] * 4, rel=1e-3)
    assert all(row["direction_norm"] > 0.1 for row in history)  # what is logged is the norm before clipping


def test_logged_scalars_obey_the_rule(tiny_model, forget_examples, retain_examples):
    _, history = train(copy.deepcopy(tiny_model), run_of(BLUR_NPO, forget_examples, retain_examples))
    for row in history:
        inner = row["gradient_cosine"] * row["forget_gradient_norm"] * row["retain_gradient_norm"]
        xi = 0.5 - inner / row["forget_gradient_norm"] ** 2
        assert row["forget_weight"] == pytest.approx(xi, rel=1e-4)
        assert row["retain_weight"] == 1.0


def test_plain_training_lowers_the_loss(tiny_model, retain_examples):
    recipe = {"optimizer": {"kind": "adamw", "lr": 1e-2}}
    _, history = train(tiny_model, run_of(recipe, None, retain_examples, steps=30, lr_curve="constant"))
    assert history[-1]["retain_loss"] < 0.5 * history[0]["retain_loss"]
    assert "forget_loss" not in history[0]


def test_a_pinned_trajectory(tiny_model, forget_examples, retain_examples):
    """The first losses of BLUR-NPO on fixed weights and data; a change here is a change of the method."""
    _, history = train(copy.deepcopy(tiny_model), run_of(BLUR_NPO, forget_examples, retain_examples))
    forget = [round(row["forget_loss"], 3) for row in history]
    retain = [round(row["retain_loss"], 3) for row in history]
    assert forget == pytest.approx(FORGET_TRAJECTORY, abs=2e-3)
    assert retain == pytest.approx(RETAIN_TRAJECTORY, abs=2e-3)


FORGET_TRAJECTORY = [8.848, 14.221, 11.669, 6.640]
RETAIN_TRAJECTORY = [4.170, 4.163, 4.139, 4.167]


def test_a_non_finite_loss_stops_before_the_step(tiny_model, forget_examples, retain_examples):
    with torch.no_grad():
        tiny_model.lm_head.weight[5] = float("inf")
    before = weights(tiny_model)
    with pytest.raises(NonFiniteError, match=r"step 0: .* is (nan|inf) \(rows of the forget set: \[.*\]"):
        train(tiny_model, run_of(BLUR_NPO, forget_examples, retain_examples))
    assert all(torch.equal(before[n], w) for n, w in weights(tiny_model).items())

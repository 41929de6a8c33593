from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn, optim

from trainer.gradients import penalty
from trainer.optimiser_names import CLASSES, DECOUPLED, REFUSED
from trainer.optimisers import build_optimizer, learning_rate
from trainer.rules import parse
from trainer.settings import Settings

LR, DECAY, STEPS = 0.05, 0.1, 4
START = np.array([1.0, -2.0, 0.5])


def gradient(weights: np.ndarray, step: int) -> np.ndarray:
    return np.cos(weights) * (step + 1)


def sgd(momentum: float = 0.0, nesterov: bool = False) -> np.ndarray:
    weights, velocity = START.copy(), np.zeros(3)
    for step in range(STEPS):
        slope = gradient(weights, step) + DECAY * weights
        velocity = momentum * velocity + slope
        weights = weights - LR * (slope + momentum * velocity if nesterov else velocity)
    return weights


def adagrad() -> np.ndarray:
    weights, squares = START.copy(), np.zeros(3)
    for step in range(STEPS):
        slope = gradient(weights, step) + DECAY * weights
        squares = squares + slope**2
        weights = weights - LR * slope / (np.sqrt(squares) + 1e-10)
    return weights


def rmsprop(smoothing: float, momentum: float, eps: float = 1e-8) -> np.ndarray:
    weights, squares, velocity = START.copy(), np.zeros(3), np.zeros(3)
    for step in range(STEPS):
        slope = gradient(weights, step) + DECAY * weights
        squares = smoothing * squares + (1 - smoothing) * slope**2
        velocity = momentum * velocity + slope / (np.sqrt(squares) + eps)
        weights = weights - LR * velocity
    return weights


def adam(decoupled: bool, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> np.ndarray:
    weights, first, second = START.copy(), np.zeros(3), np.zeros(3)
    for step in range(STEPS):
        slope = gradient(weights, step)
        if decoupled:
            weights = weights * (1 - LR * DECAY)
        else:
            slope = slope + DECAY * weights
        first, second = beta1 * first + (1 - beta1) * slope, beta2 * second + (1 - beta2) * slope**2
        unbiased = first / (1 - beta1 ** (step + 1)), second / (1 - beta2 ** (step + 1))
        weights = weights - LR * unbiased[0] / (np.sqrt(unbiased[1]) + eps)
    return weights


class Weights(nn.Module):
    """Named parameters, float64 on the CPU."""

    def __init__(self, **values: Any) -> None:
        super().__init__()
        for name, value in values.items():
            self.register_parameter(name, nn.Parameter(torch.tensor(value, dtype=torch.float64)))


def built(config: dict[str, Any], model: nn.Module) -> optim.Optimizer:
    settings = parse({"lr": LR, "weight_decay": DECAY, **config}, Settings)
    return build_optimizer(settings, model.parameters(), settings.exempt)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"optimizer": "sgd", "momentum": 0}, sgd),
        ({"optimizer": "sgd", "momentum": 0.8}, lambda: sgd(0.8)),
        ({"optimizer": "sgd", "momentum": 0.8, "nesterov": True}, lambda: sgd(0.8, nesterov=True)),
        ({"optimizer": "adagrad"}, adagrad),
        ({"optimizer": "rmsprop", "momentum": 0}, lambda: rmsprop(0.99, 0)),
        (
            {"optimizer": "rmsprop", "momentum": 0.5, "smoothing": 0.9, "eps": 1e-3},
            lambda: rmsprop(0.9, 0.5, 1e-3),
        ),
        ({"optimizer": "adam"}, lambda: adam(decoupled=False)),
        (
            {"optimizer": "adam", "beta1": 0.5, "beta2": 0.9, "eps": 1e-2},
            lambda: adam(False, 0.5, 0.9, 1e-2),
        ),
        ({"optimizer": "adam", "decoupled": True}, lambda: adam(decoupled=True)),
        ({"optimizer": "adamw"}, lambda: adam(decoupled=True)),
    ],
)
def test_optimisers_follow_their_formula(config: dict[str, Any], expected: Callable[[], np.ndarray]) -> None:
    model = Weights(w=START)
    optimizer = built(config, model)
    for step in range(STEPS):
        model.w.grad = torch.tensor(gradient(model.w.detach().numpy(), step))
        optimizer.step()
    np.testing.assert_allclose(model.w.detach().numpy(), expected(), rtol=0, atol=1e-9)


def minimised(config: dict[str, Any], in_loss: bool) -> np.ndarray:
    """The weights after a few steps on sum sin(w), with an L2 penalty in the loss or in the optimiser."""
    settings = parse(
        {"lr": LR, "weight_decay": 0 if in_loss else DECAY, "l2": DECAY if in_loss else 0, **config}, Settings
    )
    model = Weights(w=START)
    optimizer = build_optimizer(settings, model.parameters())
    for _ in range(10):
        optimizer.zero_grad()
        (model.w.sin().sum() + penalty(settings, model)).backward()
        optimizer.step()
    return model.w.detach().numpy()


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_l2_in_the_optimiser_is_l2_in_the_loss_for_sgd(momentum: float) -> None:
    config = {"optimizer": "sgd", "momentum": momentum}
    np.testing.assert_allclose(minimised(config, True), minimised(config, False), rtol=0, atol=1e-12)


def test_decoupled_weight_decay_is_not_l2_in_the_loss_for_adam() -> None:
    """Loshchilov & Hutter 2019: Adam divides the penalty's gradient by its own size."""
    coupled, decoupled = {"optimizer": "adam"}, {"optimizer": "adam", "decoupled": True}
    np.testing.assert_allclose(minimised(coupled, True), minimised(coupled, False), rtol=0, atol=1e-12)
    assert np.abs(minimised(coupled, True) - minimised(decoupled, False)).min() > 1e-3
    np.testing.assert_array_equal(minimised(decoupled, False), minimised({"optimizer": "adamw"}, False))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "nadam"])
def test_exempt_spares_biases_and_norms_the_weight_decay(name: str) -> None:
    ends = {}
    for exempt in (False, True):
        model = Weights(weight=np.stack([START, START]), bias=START)
        optimizer = built({"optimizer": name, "decoupled": name == "nadam", "exempt": exempt}, model)
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
        ends[exempt] = model
    assert not torch.equal(ends[False].bias, torch.tensor(START))
    assert torch.equal(ends[True].bias, torch.tensor(START))
    assert torch.equal(ends[True].weight, ends[False].weight)
    assert not torch.equal(ends[True].weight[0], torch.tensor(START))


def test_without_weight_decay_there_is_one_group() -> None:
    model = Weights(weight=START[None], bias=START)
    assert len(built({"exempt": True, "weight_decay": 0}, model).param_groups) == 1
    assert len(built({"exempt": True}, model).param_groups) == 2
    assert len(built({"exempt": True}, Weights(bias=START)).param_groups) == 1


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_optimiser_lowers_the_loss(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    lr = {"adadelta": 1.0, "asgd": 0.1, "sgd": 0.1}.get(name, 0.02)
    optimizer = built({"optimizer": name.upper(), "lr": lr, "weight_decay": 1e-4, "exempt": True}, model)
    inputs = torch.randn(32, 4)
    targets = inputs[:, :1] - inputs[:, 1:2]
    losses = []
    for _ in range(30):
        loss = (model(inputs) - targets).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]
    assert learning_rate(optimizer) == lr


def test_all_of_torch_is_known() -> None:
    found = {
        name
        for name, kind in vars(optim).items()
        if inspect.isclass(kind) and issubclass(kind, optim.Optimizer)
    }
    assert set(CLASSES.values()) | {"LBFGS", "SparseAdam", "Muon", "Optimizer"} == found
    assert set(REFUSED) == {"lbfgs", "sparseadam", "muon"}
    for key, name in CLASSES.items():
        known = inspect.signature(getattr(optim, name)).parameters
        assert key == name.lower()
        assert "decoupled_weight_decay" not in known or key in DECOUPLED


@pytest.mark.parametrize("name", ["sgd", "adagrad", "adam", "adamw"])
def test_kernels_are_fused_where_there_are_such(name: str) -> None:
    assert built({"optimizer": name}, Weights(w=START)).defaults["fused"]
    chosen = built({"optimizer": name, "optimizer_options": {"foreach": True}}, Weights(w=START))
    assert chosen.defaults["foreach"]
    assert not chosen.defaults["fused"]
    assert built({"optimizer": "rmsprop"}, Weights(w=START)).defaults["foreach"]


def test_options_reach_the_class() -> None:
    options = {"amsgrad": True, "fused": False}
    used = built({"optimizer": "Adam", "optimizer_options": options, "beta1": 0.8}, Weights(w=START)).defaults
    assert (used["amsgrad"], used["fused"], used["betas"], used["lr"]) == (True, False, (0.8, 0.999), LR)


def test_momentum_is_each_classs_own_unless_given() -> None:
    def momentum(**config: Any) -> float:
        return built(config, Weights(w=START)).defaults["momentum"]

    assert (momentum(optimizer="sgd"), momentum(optimizer="rmsprop")) == (0.9, 0)
    assert momentum(optimizer="rmsprop", momentum=0.5) == 0.5


def test_keys_of_other_classes_stay_away() -> None:
    config = {"momentum": 0.5, "nesterov": True, "smoothing": 0.5, "eps": 0.5, "beta1": 0.5}
    adafactor = built({"optimizer": "adafactor", **config}, Weights(w=START)).defaults
    assert adafactor["eps"] == optim.Adafactor([torch.zeros(1)]).defaults["eps"]
    assert built({"optimizer": "asgd", **config}, Weights(w=START)).defaults["alpha"] == 0.75
    assert built({"optimizer": "rprop", **config}, Weights(w=START)).defaults["etas"] == (0.5, 1.2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"optimizer": "sdg"},
            "optimizer must be one of sgd, adagrad, rmsprop, adam, adamw, nadam, radam, adamax, adadelta, "
            "adafactor, asgd, rprop, found sdg; did you mean sgd?",
        ),
        (
            {"optimizer": "LBFGS"},
            "optimizer: LBFGS cannot train here, since it computes the loss several times a step, and the "
            "loop does so once: use one of sgd, adagrad, rmsprop, adam, adamw, nadam, radam, adamax, "
            "adadelta, adafactor, asgd, rprop",
        ),
        (
            {"optimizer": "sgd", "decoupled": True},
            "decoupled: true needs an optimizer with that option (adam, nadam, radam, adamw, adafactor), "
            "found optimizer: sgd",
        ),
        (
            {"optimizer": "rprop", "optimizer_options": {"eta": 1}},
            "optimizer_options must be parameters of optimizer: rprop, which are etas, step_sizes, "
            "foreach; found eta",
        ),
        (
            {"optimizer": "adam", "optimizer_options": {"betas": [0.9, 0.99]}},
            "optimizer_options must not hold betas, which is the key beta1 or beta2: set beta1 or beta2",
        ),
        (
            {"optimizer": "adam", "optimizer_options": {"amsgrad": "yes"}},
            "optimizer_options: amsgrad must be true or false, found yes",
        ),
        (
            {"optimizer": "adam", "optimizer_options": {"fused": True, "foreach": True}},
            "optimizer_options must suit optimizer: adam, found {'fused': True, 'foreach': True}: "
            "`fused` and `foreach` cannot be `True` together.",
        ),
        (
            {"optimizer": "adadelta", "optimizer_options": {"rho": 2}},
            "optimizer_options must suit optimizer: adadelta, found {'rho': 2}: Invalid rho value: 2",
        ),
    ],
)
def test_a_bad_optimiser_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        built(config, Weights(w=START))
    assert str(error.value) == message


def test_a_recipe_that_parses_nothing_gets_the_same_refusal() -> None:
    with pytest.raises(ValueError, match=r"optimizer must be one of .*, found adm; did you mean adam\?"):
        build_optimizer(Settings(optimizer="adm"), Weights(w=START).parameters())


def test_a_resumed_optimiser_goes_on_as_if_never_stopped() -> None:
    def steps(optimizer: optim.Optimizer, model: Weights, numbers: range) -> None:
        for step in numbers:
            model.w.grad = torch.tensor(gradient(model.w.detach().numpy(), step))
            optimizer.step()

    whole, half, rest = (Weights(w=START) for _ in range(3))
    steps(built({}, whole), whole, range(4))
    first = built({}, half)
    steps(first, half, range(2))
    second = built({}, rest)
    rest.load_state_dict(half.state_dict())
    second.load_state_dict(first.state_dict())
    steps(second, rest, range(2, 4))
    assert torch.equal(rest.w, whole.w)
    assert math.isclose(learning_rate(second), LR)

"""Optimisers built from a configuration."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn, optim

from trainer.optimiser_names import CLASSES, problems
from trainer.rules import shown
from trainer.settings import OptimizerSettings

FUSED_DEVICES = ("cpu", "cuda")
Parameters = Mapping[str, inspect.Parameter]
# How the keys are called that stand for parameters of another name.
NAMES = {"betas": "beta1 or beta2", "alpha": "smoothing", "decoupled_weight_decay": "decoupled"}
REFUSED = ("differentiable", "capturable", "maximize")  # not what this loop does


def build_optimizer(
    settings: OptimizerSettings, parameters: Iterable[nn.Parameter], exempt: bool = False
) -> optim.Optimizer:
    """The optimiser of ``parameters``, which already lie on their device.

    Of the keys it gets those that its class in torch.optim takes, and ``optimizer_options`` on top. Its
    kernels are fused where there are such, which is up to 1.3 times the steps a second, on the CPU too.
    ``exempt``: one-dimensional parameters, which are biases and norms, get no weight decay.

    Raises ValueError for an unknown optimiser or option.
    """
    if found := problems(settings.optimizer, settings.decoupled):
        raise ValueError("; ".join(found))
    name = settings.optimizer.lower()
    kind: type[optim.Optimizer] = getattr(optim, CLASSES[name])
    known = inspect.signature(kind).parameters
    options = settings.optimizer_options
    keys = _keys(settings, name, known)
    _check_options(options, name, known, keys)
    parameters = list(parameters)
    arguments = {**keys, **_kernels(parameters[0].device.type, options, known), **options}
    groups = _groups(parameters, exempt and bool(arguments.get("weight_decay")))
    try:
        return kind(groups, **arguments)
    # The keys keep their rules, so it is an option that does not.
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise ValueError(
            f"optimizer_options must suit optimizer: {name}, found {shown(dict(options))}: {error}"
        ) from error


def learning_rate(optimizer: optim.Optimizer) -> float:
    """The rate of the last step, of the first parameter group."""
    return float(optimizer.param_groups[0]["lr"])


def _check_options(options: Mapping[str, Any], name: str, known: Parameters, keys: Mapping[str, Any]) -> None:
    allowed = [option for option in known if option not in ("params", *REFUSED, *keys)]
    for option, value in options.items():
        if option in keys:
            key = NAMES.get(option, option)
            raise ValueError(f"optimizer_options must not hold {option}, which is the key {key}: set {key}")
        if option not in allowed:
            raise ValueError(
                f"optimizer_options must be parameters of optimizer: {name}, which are {', '.join(allowed)}; "
                f"found {option}"
            )
        if isinstance(known[option].default, bool) and not isinstance(value, bool):
            raise ValueError(f"optimizer_options: {option} must be true or false, found {shown(value)}")


def _keys(settings: OptimizerSettings, name: str, known: Parameters) -> dict[str, Any]:
    """The arguments that stand for keys; those the class does not take are left out."""
    offered: dict[str, Any] = {
        "lr": settings.lr,
        "weight_decay": settings.weight_decay,
        "betas": (settings.beta1, settings.beta2),
        "decoupled_weight_decay": settings.decoupled,
    }
    # Other classes take parameters of these names that mean something else.
    if name in ("sgd", "rmsprop"):
        usual = 0.9 if name == "sgd" else 0.0
        offered["momentum"] = usual if settings.momentum is None else settings.momentum
    if name == "sgd":
        offered["nesterov"] = settings.nesterov
    if name == "rmsprop":
        offered["alpha"] = settings.smoothing
    if settings.eps is not None and "eps" in known and isinstance(known["eps"].default, float):
        offered["eps"] = settings.eps  # adafactor takes a pair, by optimizer_options
    return {key: value for key, value in offered.items() if key in known}


def _kernels(device: str, options: Mapping[str, Any], known: Parameters) -> dict[str, bool]:
    """One kernel for all parameters, or at least one an operation, unless the options choose."""
    if {"fused", "foreach"} & options.keys():
        return {}
    if "fused" in known and device in FUSED_DEVICES:
        return {"fused": True}
    return {"foreach": True}


def _groups(parameters: list[nn.Parameter], exempt: bool) -> list[dict[str, Any]]:
    if not exempt:
        return [{"params": parameters}]
    decayed = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}] if decayed else []
    return [*groups, {"params": others, "weight_decay": 0.0}] if others else groups

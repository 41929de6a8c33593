"""Another trial's state under a configuration of one's own.

An optimizer's state dict holds its learning rate, and a scheduler's the rates it began with: loaded as they
are, they would silently put back the parent's hyperparameters. What the freshly built objects say stays; what
was learned (weights, moments, how far a schedule has come) is taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RATES = ("base_lrs", "max_lrs")  # of torch's schedulers


def keep_hyperparameters(state: Any, own: Any) -> None:
    """Put the hyperparameters of ``own``, states of new objects, into ``state``, at any depth.

    Every value of an optimizer's ``param_groups`` is kept, the learning rate in the proportion in which a
    scheduler has changed it so far; what changed it otherwise (ReduceLROnPlateau) begins anew.
    """
    if isinstance(state, dict) and isinstance(own, Mapping):
        if isinstance(state.get("param_groups"), list) and "param_groups" in own:
            for group, mine in zip(state["param_groups"], own["param_groups"], strict=False):
                _keep_group(group, mine)
        if "_last_lr" in state and "_last_lr" in own:
            _keep_rates(state, own)
        for key in state.keys() & own.keys():
            keep_hyperparameters(state[key], own[key])
    elif isinstance(state, list) and isinstance(own, list):
        for inner, mine in zip(state, own, strict=False):
            keep_hyperparameters(inner, mine)


def _keep_group(group: dict[str, Any], own: Mapping[str, Any]) -> None:
    rate = own.get("lr")
    if "initial_lr" in group and "initial_lr" in own:
        rate = _scaled(group["lr"], group["initial_lr"], own["initial_lr"])
    group.update({key: value for key, value in own.items() if key != "params"})
    if rate is not None:
        group["lr"] = rate


def _keep_rates(state: dict[str, Any], own: Mapping[str, Any]) -> None:
    latest = zip(state["_last_lr"], _bases(state), _bases(own), strict=False)
    state["_last_lr"] = [_scaled(*rates) for rates in latest]
    state.update({key: own[key] for key in _RATES if key in own})


def _bases(scheduler: Mapping[str, Any]) -> Any:
    """Where its rates begin; a scheduler that is made of others has it in them."""
    inner = scheduler.get("_schedulers")
    return _bases(inner[0]) if inner else scheduler.get("base_lrs", scheduler["_last_lr"])


def _scaled(rate: Any, base: Any, own_base: Any) -> Any:
    return rate * (own_base / base) if base else own_base

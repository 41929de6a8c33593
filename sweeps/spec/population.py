"""What population-based training asks of the rest of the file."""

from __future__ import annotations

from typing import Any

from sweeps.space import Choice, Space
from sweeps.space.wording import did_you_mean, listed, show
from sweeps.spec.model import Component
from sweeps.spec.problems import Reporter


def population(plain: dict[str, Any]) -> Component | None:
    """The pruner if it is population-based training."""
    component = plain.get("pruner")
    return component if isinstance(component, Component) and component.name == "pbt" else None


def check_population(component: Component, plain: dict[str, Any], space: Space, reporter: Reporter) -> None:
    """Report what keeps ``pruner: {name: pbt, ...}`` from working; its own options have been checked."""
    budget, epochs, interval = plain.get("budget", {}), plain.get("epochs"), component.options["interval"]
    if reporter.knows(("budget", "trials")) and isinstance(budget, dict):
        trials, rule = budget.get("trials"), "the size of its population, such as budget: {trials: 20}"
        if trials is None:
            reporter.value(("budget", "trials"), f"is missing: pruner pbt needs their number, {rule}")
        elif trials == 1:
            reporter.value(("budget", "trials"), f"must be at least 2 (1): for pruner pbt it is {rule}")
    if isinstance(epochs, int) and isinstance(interval, int) and interval >= epochs:
        rule = f"must be below epochs, which is {epochs}: nobody would ever be compared"
        reporter.value(("pruner", "interval"), f"{rule} ({interval})")
    _check_explored(component, space, reporter)


def _check_explored(component: Component, space: Space, reporter: Reporter) -> None:
    from sweeps.pruners import Pbt  # it needs Optuna, which `import sweeps.spec` must not

    ranges = [p.name for p in space.parameters if not isinstance(p.domain, Choice)]
    explored = Pbt(**component.options).explored(space)  # type: ignore[arg-type]  # checked by `read_component`
    if not explored:
        rule = "pruner pbt changes ranges of floats without when, and there is none"
        fix = f"name others that change no shape, as in explore: [{ranges[0]}]" if ranges else "search one"
        reporter.value(("pruner",), f"has nothing to explore: {rule}; {fix}")
    for name in explored:
        if name not in ranges:
            near = did_you_mean(name, ranges) or f": one of {listed(ranges) or 'none'}"
            what = "is a choice" if name in space.names else "is no parameter"
            rule = "pruner pbt explores ranges (min, max)"
            reporter.value(("pruner", "explore"), f"{what} ({show(name)}): {rule}{near}")

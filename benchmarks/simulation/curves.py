"""Learning curves that fall to a floor, each at its own rate: for what the simulation itself costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sweeps


def factory() -> Callable[..., sweeps.Curve]:
    def curve(config: dict[str, Any], seed: int, epochs: int) -> sweeps.Curve:
        floor = 0.1 + (math.log10(config["lr"]) + 3) ** 2 / 10
        loss = [floor + math.exp(-(0.3 + config["momentum"] / 2) * epoch) for epoch in range(1, epochs + 1)]
        return sweeps.Curve({"val_loss": loss}, [10 + config["width"] / 4] * epochs)

    return curve

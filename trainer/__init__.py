"""The shared training function: ``trainer:train`` and ``trainer:test`` in a search-space YAML.

Importing this package is cheap; torch is imported by the functions, in the process that trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainer.train import functions, test, train

if TYPE_CHECKING:
    from torch import nn

__all__ = ["build_model", "functions", "test", "train"]


def build_model(config: Mapping[str, Any]) -> nn.Module:
    """The untrained model that ``train`` builds for ``config``, on the CPU: its weights are loaded into it.

    It takes inputs of shape (samples, *input shape of the data), normalised as the data source does it, and
    gives logits of shape (samples, classes). Raises ValueError for an unknown key or a bad value.
    """
    from trainer.recipe import Standard
    from trainer.rules import parse

    recipe = Standard()
    settings = parse(config, recipe.settings)
    return recipe.build(settings, recipe.data(settings).signature)

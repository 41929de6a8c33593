"""The shared training function: ``trainer:train`` and ``trainer:test`` in a search-space YAML.

Importing this package is cheap; torch is imported by the functions, in the process that trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainer.checks import check
from trainer.rules import parse
from trainer.settings import Settings
from trainer.signature import KNOWN
from trainer.train import functions, test, train

if TYPE_CHECKING:
    from torch import nn

__all__ = ["build_model", "check_config", "functions", "test", "train"]


def check_config(config: Mapping[str, Any]) -> None:
    """Raises ValueError naming what is wrong with ``config``, as far as it is known without reading data.

    ``sweep run`` and ``sweep check`` call it on configurations drawn from a space before anything starts.
    """
    settings = parse(config, Settings)
    if settings.data in KNOWN:
        check(settings, KNOWN[settings.data])


def build_model(config: Mapping[str, Any]) -> nn.Module:
    """The untrained model that ``train`` builds for ``config``, on the CPU: its weights are loaded into it.

    It takes inputs of shape (samples, *input shape of the data), normalised as the data source does it, and
    gives logits of shape (samples, classes). Raises ValueError for an unknown key or a bad value.
    """
    from trainer.recipe import Standard

    recipe = Standard()
    settings = parse(config, recipe.settings)
    signature = recipe.data(settings).signature
    return recipe.build(recipe.resolve(settings, signature), signature)

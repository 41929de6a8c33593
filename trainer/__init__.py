"""The shared training function: ``trainer:train`` and ``trainer:test`` in a search-space YAML.

Importing this package is cheap; torch is imported by the functions, in the process that trains.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from trainer.settings import Settings
from trainer.train import functions, refuse, test, train, untrained

if TYPE_CHECKING:
    from torch import nn

__all__ = ["build_model", "check_config", "functions", "test", "train"]


def check_config(
    config: Mapping[str, Any],
    *,
    searched: Collection[str] = (),
    epochs: int | None = None,
    world_size: int = 1,
) -> None:
    """Raises ValueError naming what is wrong with ``config``, before anything is trained.

    ``searched`` are the keys that differ from trial to trial, ``epochs`` the most that one trains,
    ``world_size`` the processes that train it together. ``sweep run`` and ``sweep check`` call it on
    configurations drawn from a space.
    """
    refuse(Settings, config, searched=searched, epochs=epochs, world_size=world_size)


def build_model(config: Mapping[str, Any]) -> nn.Module:
    """The untrained model that ``train`` builds for ``config``, on the CPU: its weights are loaded into it.

    It takes inputs of shape (samples, *input shape of the data), normalised as the data source does it, and
    gives logits of shape (samples, classes), one logit where ``loss`` is bce, or standardised numbers of
    shape (samples, outputs). Raises ValueError for an unknown key or a bad value.
    """
    from trainer.recipe import Standard

    return untrained(Standard(), config)

"""Data sources, chosen by ``data:``; the test split leaves a source by ``for_test`` only."""

from __future__ import annotations

from trainer.data.digits import Digits
from trainer.data.source import Source
from trainer.settings import DataSettings

__all__ = ["SOURCES", "load"]

SOURCES = {"digits": Digits}


def load(settings: DataSettings) -> Source:
    """The source ``settings.data`` names, split by ``settings.split_seed``; rows are read when asked for."""
    return SOURCES[settings.data](settings)

"""What a training function asks of its trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol


class Trial(Protocol):
    """One attempt of one configuration; any object of this shape will do."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration: the keys of ``trainer.settings.Settings``."""

    @property
    def seed(self) -> int:
        """Seeds the shuffling, 0 <= seed < 2**63; torch's global generator is seeded before the call."""

    @property
    def device(self) -> str:
        """Where to train, e.g. "cpu" or "cuda:0"."""

    @property
    def world_size(self) -> int:
        """How many processes train this trial together: the built-in functions are made for one."""

    @property
    def max_epochs(self) -> int:
        """The most epochs that ``epochs`` may yield: the length of a learning-rate schedule."""

    def epochs(self, **objects: Any) -> Iterator[int]:
        """Yield 1, 2, ... until the trial is to end; saves and restores the state of ``objects``."""

    def report(self, **metrics: Any) -> None:
        """Tell the metrics of the epoch; once an epoch."""

    def record(self, **facts: Any) -> None:
        """Note numbers or words about the trial itself, once: they become columns of its row."""

    def restore_best(self, **objects: Any) -> None:
        """Give ``objects`` the state they had at the best epoch."""

"""A simulated trial's own files: its metrics, and with them the epoch that it would go on from."""

from __future__ import annotations

from collections.abc import Mapping

from sweeps.clock import Clock
from sweeps.messages import TrialSpec
from sweeps.paths import TrialPaths
from sweeps.trial.curve import read_epochs
from sweeps.trial.metrics import MetricsFile


class History:
    """What an attempt reports is written when it ends, all at once: a thousand workers would have a thousand
    files open.

    ``last`` is the epoch that an earlier attempt had come to, 0 before the first.
    """

    def __init__(self, spec: TrialSpec, clock: Clock) -> None:
        self._spec = spec
        self._path = TrialPaths(spec.directory).metrics
        self._clock = clock
        self._rows: list[tuple[int, float, Mapping[str, float]]] = []
        earlier = read_epochs(self._path) if spec.attempt > 1 else []
        self.last = max((row.epoch for row in earlier), default=0)

    def append(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._rows.append((epoch, self._clock.time(), metrics))

    def close(self) -> None:
        if not self._rows:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = MetricsFile(self._path, self._spec.number, self._spec.attempt)
        file.extend(self._rows)
        file.close()

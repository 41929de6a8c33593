"""A simulated trial's own file: its metrics, and with them the epoch that it goes on from."""

from __future__ import annotations

from collections.abc import Mapping

from sweeps.messages import TrialSpec
from sweeps.paths import TrialPaths
from sweeps.trial.curve import read_epochs
from sweeps.trial.metrics import MetricsFile


class History:
    """What the attempts of a trial have reported; a line is written before its report is sent, as a worker
    does.

    ``last`` is the epoch that the trial goes on from, 0 at its beginning, and ``when`` that was reported.
    """

    def __init__(self, spec: TrialSpec) -> None:
        spec.directory.mkdir(parents=True, exist_ok=True)
        path = TrialPaths(spec.directory).metrics
        self._file = MetricsFile(path, spec.number, spec.attempt)
        earlier = read_epochs(path) if spec.attempt > 1 else []
        self.last = earlier[-1].epoch if earlier else 0
        self.when = earlier[-1].time if earlier else 0.0

    def append(self, epoch: int, when: float, metrics: Mapping[str, float]) -> None:
        """Write one epoch, reported ``when``: virtual seconds."""
        self._file.extend([(epoch, when, metrics)])
        self._file.close()  # thousands of workers would have thousands of files open

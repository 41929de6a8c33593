"""One attempt of the trainer, run as a worker runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import trainer
from sweeps.messages import Continue, Decision, Outcome, Returned, Stop, TrialSpec
from sweeps.trial import Trial, run_attempt

torch.set_num_threads(1)


@dataclass
class Run:
    """What one attempt reported and how it ended."""

    spec: TrialSpec
    reports: dict[int, dict[str, float]]
    outcome: Outcome

    def test(self) -> dict[str, Any]:
        return trainer.test(Trial(self.spec, None, "cpu"))

    @property
    def facts(self) -> dict[str, Any]:
        return json.loads((self.spec.directory / "facts.json").read_text())

    @property
    def best(self) -> dict[str, float]:
        return min(self.reports.values(), key=lambda metrics: metrics["val_loss"])


class Channel:
    """Remembers the reports; answers the one of ``epoch`` with a stop for ``reason``."""

    def __init__(self, stop: tuple[int, str] | None) -> None:
        self.stop = stop
        self.reports: dict[int, dict[str, float]] = {}

    def report(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        self.reports[epoch] = dict(metrics)
        return Stop(self.stop[1]) if self.stop and self.stop[0] == epoch else Continue()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def attempt(
        config: Mapping[str, Any],
        *,
        epochs: int = 1,
        seed: int = 0,
        folder: str = "trial",
        number: int = 1,
        stop: tuple[int, str] | None = None,
        fails: bool = False,
    ) -> Run:
        spec = TrialSpec(0, number, config, seed, epochs, "val_loss", "minimize", tmp_path / folder)
        channel = Channel(stop)
        outcome = run_attempt(trainer.train, spec, channel, "cpu")
        if not fails and not stop:
            assert outcome == Returned()
        return Run(spec, channel.reports, outcome)

    return attempt

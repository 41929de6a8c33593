"""Generations of a population, as the study keeps them: one attribute of the study each.

    generation.10   {"members": [0, 1, 2], "exploits": [{"trial": 2, "parent": 0, "params": {...}}]}

One attribute is one record of the journal and one transaction of a database, so that a generation is decided
whole or not at all. Optuna's own trials keep the configuration that they began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.study.record import TrialRecord

PREFIX = "generation."


@dataclass(frozen=True, slots=True)
class Descent:
    """Trial ``trial`` goes on from what ``parent`` holds, with ``params``."""

    trial: int
    parent: int
    params: Mapping[str, Any]  # flat


@dataclass(frozen=True, slots=True)
class Generation:
    """What was decided at the end of ``epoch``: all ``members`` go on, some as descendants of others."""

    epoch: int
    members: Sequence[int]
    exploits: Sequence[Descent] = ()

    def apply(self, records: Sequence[TrialRecord]) -> None:
        """Bring ``records``, all trials by number, to where this generation leaves them."""
        for number in self.members:
            records[number].passed = self.epoch
        for descent in self.exploits:
            records[descent.trial].inherit(self.epoch, descent.parent, descent.params)

    def merged(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The value of its attribute; members that joined late pass an epoch after the others did."""
        earlier = attributes.get(f"{PREFIX}{self.epoch}", {"members": [], "exploits": []})
        exploits = [{"trial": e.trial, "parent": e.parent, "params": dict(e.params)} for e in self.exploits]
        return {
            "members": [*earlier["members"], *self.members],
            "exploits": [*earlier["exploits"], *exploits],
        }


def apply_generations(attributes: Mapping[str, Any], records: Sequence[TrialRecord]) -> None:
    """Apply every generation among a study's attributes to its records, in order of epochs.

    Raises what Python raises where they do not fit the records: see `sweeps.study.checked.replayed`.
    """
    epochs = sorted(int(key.removeprefix(PREFIX)) for key in attributes if key.startswith(PREFIX))
    for epoch in epochs:
        stored = attributes[f"{PREFIX}{epoch}"]
        exploits = [
            Descent(_known(e["trial"], records), _known(e["parent"], records), dict(e["params"]))
            for e in stored["exploits"]
        ]
        members = [_known(number, records) for number in stored["members"]]
        Generation(epoch, members, exploits).apply(records)


def _known(number: int, records: Sequence[TrialRecord]) -> int:
    if not 0 <= number < len(records):
        raise LookupError(f"there is no trial {number}")
    return number

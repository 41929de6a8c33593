"""Engines run trials for a controller: ``inline`` in this process, ``local`` in worker processes of this
machine, ``ray`` in such processes on a cluster, ``simulated`` nowhere: their curves are given.
"""

from __future__ import annotations

import functools

from sweeps.engines.base import Engine, EngineSettings, Job, JobResult, Ranks, Simulation
from sweeps.errors import UsageError
from sweeps.floors import require_floor
from sweeps.paths import RunPaths, TrialPaths
from sweeps.trial.handover import EmptyShelf, FolderShelf, HandOver, Shelf, link_checkpoint

__all__ = [
    "Engine",
    "EngineSettings",
    "Job",
    "JobResult",
    "Ranks",
    "Simulation",
    "create_engine",
    "hand_over",
    "shelf",
]


def hand_over(settings: EngineSettings) -> HandOver:
    """How a trial of a population gets another one's checkpoint, from where these trials keep them."""
    if settings.curves is not None:
        return _nothing_to_move
    if settings.storage is None:
        return link_checkpoint
    from sweeps.engines.ray.storage import Storage, hand_over_stored

    return functools.partial(hand_over_stored, Storage(settings.storage))


def shelf(settings: EngineSettings, paths: RunPaths) -> Shelf:
    """Where the checkpoints of ended trials lie."""
    if settings.curves is not None:
        return EmptyShelf()
    if settings.storage is None:
        return FolderShelf(paths.trials)
    from sweeps.engines.ray.storage import Storage, StoredShelf

    return StoredShelf(Storage(settings.storage))


def _nothing_to_move(parent: TrialPaths, child: TrialPaths) -> None:
    """A simulated trial has no checkpoint."""


def create_engine(name: str, settings: EngineSettings) -> Engine:
    """The engine called ``name``: "inline", "local", "ray" or "simulated".

    Raises UsageError for another name, a Ray that is too old, or if the machine has no room for a single
    trial.
    """
    if name == "inline":
        from sweeps.engines.inline import InlineEngine

        return InlineEngine(settings)
    if name == "local":
        from sweeps.engines.local.engine import LocalEngine

        return LocalEngine(settings)
    if name == "ray":
        require_floor("ray")
        from sweeps.engines.ray.engine import RayEngine

        return RayEngine(settings)
    if name == "simulated":
        from sweeps.engines.simulated.engine import SimulatedEngine

        return SimulatedEngine(settings)
    raise UsageError(f"engine must be 'inline', 'local', 'ray' or 'simulated', found {name!r}")

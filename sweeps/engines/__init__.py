"""Engines run trials for a controller: ``inline`` in this process, ``local`` in worker processes of this
machine, ``ray`` in such processes on a cluster.
"""

from __future__ import annotations

from sweeps.engines.base import Engine, EngineSettings, Job, JobResult, Ranks
from sweeps.errors import UsageError

__all__ = ["Engine", "EngineSettings", "Job", "JobResult", "Ranks", "create_engine"]


def create_engine(name: str, settings: EngineSettings) -> Engine:
    """The engine called ``name``: "inline", "local" or "ray".

    Raises UsageError for another name, or if the machine has no room for a single trial.
    """
    if name == "inline":
        from sweeps.engines.inline import InlineEngine

        return InlineEngine(settings)
    if name == "local":
        from sweeps.engines.local.engine import LocalEngine

        return LocalEngine(settings)
    if name == "ray":
        from sweeps.engines.ray.engine import RayEngine

        return RayEngine(settings)
    raise UsageError(f"engine must be 'inline', 'local' or 'ray', found {name!r}")

"""Engines run trials for a controller: ``inline`` in this process, ``local`` in worker processes."""

from __future__ import annotations

from sweeps.engines.base import Engine, EngineSettings, Job, JobResult
from sweeps.errors import UsageError

__all__ = ["Engine", "EngineSettings", "Job", "JobResult", "create_engine"]


def create_engine(name: str, settings: EngineSettings) -> Engine:
    """The engine called ``name``: "inline" or "local".

    Raises UsageError for another name, or if the machine has no room for a single trial.
    """
    if name == "inline":
        from sweeps.engines.inline import InlineEngine

        return InlineEngine(settings)
    if name == "local":
        from sweeps.engines.local.engine import LocalEngine

        return LocalEngine(settings)
    raise UsageError(f"engine must be 'inline' or 'local', found {name!r}")

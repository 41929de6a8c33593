"""Hyperparameter sweeps for PyTorch: a YAML in; a table, a tested winner and a checkpoint out.

    import sweeps

    results = sweeps.run("search_spaces/cnn.yaml", set={"budget.trials": 20})
    results.trials                # a DataFrame, one row a trial
    results.best                  # the winner: number, params, value, epoch
    model = results.load_model()  # the model that was tested

Everything is imported when it is first used, so that `import sweeps` costs nothing in a worker.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweeps.api import load, resume, run
    from sweeps.engines.simulated import Curve
    from sweeps.errors import (
        CheckpointError,
        CorruptStudyError,
        DiskFullError,
        Infeasible,
        LockedError,
        NoUsableTrialError,
        RefusedError,
        ReportError,
        SpecError,
        SweepError,
        SystemLimitError,
        TargetError,
        TrialError,
        UsageError,
        VerificationError,
    )
    from sweeps.results import Results
    from sweeps.trial import Trial
    from sweeps.verify import check_invariants

__version__ = "0.1.0"

_HOMES = {
    "run": "sweeps.api",
    "resume": "sweeps.api",
    "load": "sweeps.api",
    "check_invariants": "sweeps.verify",
    "Results": "sweeps.results",
    "Curve": "sweeps.engines.simulated",
    "Trial": "sweeps.trial",
    "SweepError": "sweeps.errors",
    "UsageError": "sweeps.errors",
    "SpecError": "sweeps.errors",
    "TargetError": "sweeps.errors",
    "NoUsableTrialError": "sweeps.errors",
    "SystemLimitError": "sweeps.errors",
    "DiskFullError": "sweeps.errors",
    "RefusedError": "sweeps.errors",
    "LockedError": "sweeps.errors",
    "CorruptStudyError": "sweeps.errors",
    "TrialError": "sweeps.errors",
    "Infeasible": "sweeps.errors",
    "ReportError": "sweeps.errors",
    "CheckpointError": "sweeps.errors",
    "VerificationError": "sweeps.errors",
}

__all__ = [
    "CheckpointError",
    "CorruptStudyError",
    "Curve",
    "DiskFullError",
    "Infeasible",
    "LockedError",
    "NoUsableTrialError",
    "RefusedError",
    "ReportError",
    "Results",
    "SpecError",
    "SweepError",
    "SystemLimitError",
    "TargetError",
    "Trial",
    "TrialError",
    "UsageError",
    "VerificationError",
    "check_invariants",
    "load",
    "resume",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sweeps' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

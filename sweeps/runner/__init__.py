"""Running, resuming and finishing a sweep."""

from sweeps.runner.auto import pruner_of, sampler_of
from sweeps.runner.checks import check_runnable
from sweeps.runner.folder import read_folder, search_path
from sweeps.runner.outcome import RunResult
from sweeps.runner.run import DEFAULT_RESULTS, resume, run, test

__all__ = [
    "DEFAULT_RESULTS",
    "RunResult",
    "check_runnable",
    "pruner_of",
    "read_folder",
    "resume",
    "run",
    "sampler_of",
    "search_path",
    "test",
]

"""Running, resuming and finishing a sweep."""

from sweeps.runner.folder import read_folder, search_path
from sweeps.runner.run import DEFAULT_RESULTS, Outcome, engine_settings, resume, run, test

__all__ = [
    "DEFAULT_RESULTS",
    "Outcome",
    "engine_settings",
    "read_folder",
    "resume",
    "run",
    "search_path",
    "test",
]

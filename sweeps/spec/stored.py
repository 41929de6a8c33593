"""The resolved spec of a results folder, read back."""

from __future__ import annotations

from sweeps.errors import CorruptStudyError, SpecError
from sweeps.paths import RunPaths, shown
from sweeps.spec.load import load_spec
from sweeps.spec.model import Keep
from sweeps.spec.spec import SweepSpec

_LAST_KEY = "export"  # of what is written, in every version: half a file may be a valid one otherwise


def load_resolved(paths: RunPaths) -> SweepSpec:
    """What `sweep run` wrote as ``resolved.yaml``. Before there was `keep` everything was kept.

    Raises:
        CorruptStudyError: it is not there, or not what was written.
    """
    try:
        spec = load_spec(paths.current(paths.resolved_yaml))
    except SpecError as error:
        raise _damaged(paths, error.problems[0]) from error
    if _LAST_KEY not in spec.model_fields_set:
        raise _damaged(paths, f"{_LAST_KEY}, its last key, is missing")
    return with_keep(spec, Keep(all=True))


def with_keep(spec: SweepSpec, keep: Keep) -> SweepSpec:
    """``spec`` with ``keep`` where its file says nothing of it: no checkpoint is removed unasked."""
    return spec if "keep" in spec.model_fields_set else spec.model_copy(update={"keep": keep})


def _damaged(paths: RunPaths, problem: str) -> CorruptStudyError:
    written, given, env = paths.resolved_yaml, paths.sweep_yaml, paths.env
    return CorruptStudyError(
        f"{shown(written)} must hold the whole spec as `sweep run` wrote it, and does not ({problem}): "
        f"restore it from a backup, or make it anew: sweep check {shown(given)} > {written.name}, with every "
        f"--set that {env.name} has"
    )

"""The Python API: what the command line does, for scripts and notebooks."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sweeps import runner
from sweeps.controller import Event, Noted, Observer
from sweeps.errors import UsageError
from sweeps.paths import RunPaths
from sweeps.results import Results, load

__all__ = ["load", "resume", "run"]


def run(
    path: str | Path,
    set: Mapping[str, Any] | None = None,
    *,
    results: str | Path = runner.DEFAULT_RESULTS,
    fresh: bool = False,
    observers: Iterable[Observer] = (),
    address: str | None = None,
    allow_code_change: bool = False,
) -> Results:
    """Run the sweep of a search-space YAML, or go on with it, and return its results.

    Where `sweep run` would end with an exit code of 3, 4 or 6 this returns, too: see `Results.notes`, and
    `Results.reason`, "breaker" or "disk" for 6. The notes are of this run: `load` has none, but the
    errors in its `trials`. What is to be known before trials start is a warning.

    Args:
        path: the YAML.
        set: overrides by dotted key, e.g. ``{"budget.trials": 20}``.
        results: where the folder named after the sweep is made.
        fresh: move an existing folder aside and start anew.
        observers: functions that are called with every event (`sweeps.controller.events`), e.g. for progress.
        address: of the Ray cluster, with ``engine: ray``: "auto" or "host:port"; None for
            the Ray this process is connected to, RAY_ADDRESS, or else a private Ray on this machine.
        allow_code_change: go on although trials have ended under another source of the training function.

    Raises:
        SpecError, UsageError, TargetError, RefusedError: as `sweep run` would end with.
        KeyboardInterrupt: the sweep was interrupted; its trials are checkpointed, and `run` goes on with it.
    """
    outcome = runner.run(
        _as_path(path, "a sweep's YAML", "write it to a file, and give its path"),
        overrides(set),
        results=results,
        fresh=fresh,
        observers=[_warn, *observers],
        address=address,
        allow_code_change=allow_code_change,
    )
    return _results(outcome)


def resume(
    directory: str | Path,
    set: Mapping[str, Any] | None = None,
    *,
    edit: str | Path | None = None,
    observers: Iterable[Observer] = (),
    address: str | None = None,
    allow_code_change: bool = False,
) -> Results:
    """Go on with the sweep of a results folder; ``set`` may extend its budget.

    Args:
        edit: a changed YAML: trials inside its space are kept, the others are marked ``outside``.
        address, allow_code_change: as for `run`.

    Raises:
        SpecError, UsageError, RefusedError, KeyboardInterrupt: as for `run`.
    """
    outcome = runner.resume(
        _as_path(directory, "a results folder", "give one such as 'results/cnn'"),
        overrides(set),
        edit=None
        if edit is None
        else _as_path(edit, "the changed YAML", "write it to a file, and give its path"),
        observers=[_warn, *observers],
        address=address,
        allow_code_change=allow_code_change,
    )
    return _results(outcome)


def overrides(values: Mapping[str, Any] | None) -> list[str]:
    """``values`` as `--set` takes them; JSON is YAML, so every scalar keeps its type.

    Raises:
        UsageError: they are no mapping of keys to plain data.
    """
    values = {} if values is None else values
    if not isinstance(values, Mapping):
        raise UsageError(
            f"set must be a mapping of keys to values (found {values!r}): write {{'budget.trials': 20}}"
        )
    return [f"{key}={_as_json(key, value)}" for key, value in values.items()]


def _as_json(key: str, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"set: {key} must be what a YAML can hold (found {value!r}): give numbers, texts, lists and dicts"
        ) from error


def _as_path(value: str | Path, what: str, fix: str) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"{what} is given by its path (found {value!r}): {fix}")
    return Path(value)


def _results(result: runner.RunResult) -> Results:
    if result.exit_code >= 128:
        raise KeyboardInterrupt
    return Results(RunPaths(result.directory), load(result.directory).spec, result.reason, result.notes)


def _warn(event: Event) -> None:
    """What is to be known before trials start, as a warning to the caller of `run` or `resume`."""
    if isinstance(event, Noted):
        warnings.warn(event.text, stacklevel=6)

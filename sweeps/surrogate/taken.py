"""What a sweep took from earlier ones, as it is kept in its own folder.

It goes on from that, whatever has become of the earlier sweeps' folders since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.errors import CorruptStudyError
from sweeps.paths import RunPaths, replace_file, shown
from sweeps.space import Params
from sweeps.strictjson import parse_object
from sweeps.study.checked import is_finite
from sweeps.surrogate.earlier import Earlier, EarlierTrial

_MOST_TRIALS = 2**31


def write_taken(paths: RunPaths, taken: Sequence[Earlier]) -> None:
    """Keep what was taken; a file of an earlier attempt at this sweep goes."""
    if not taken:
        paths.warm_start.unlink(missing_ok=True)
        return
    document = {"version": 1, "sweeps": [_document(sweep) for sweep in taken]}
    replace_file(paths.warm_start, json.dumps(document, separators=(",", ":")).encode())


def _document(sweep: Earlier) -> dict[str, Any]:
    trials = [
        {"number": t.number, "params": t.params, "values": list(t.values.items()), "failed": t.failed}
        for t in sweep.trials
    ]
    return {
        "folder": sweep.folder,
        "epochs": sweep.epochs,
        "searched": sorted(sweep.searched),
        "fixed": sweep.fixed,
        "found": sweep.found,
        "state": sweep.state,
        "trials": trials,
    }


def read_taken(paths: RunPaths) -> tuple[Earlier, ...]:
    """What `write_taken` kept.

    Raises:
        CorruptStudyError: the file is not there, or not what was written.
    """
    try:
        return tuple(_earlier(sweep) for sweep in parse_object(paths.warm_start.read_bytes())["sweeps"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CorruptStudyError(
            f"{shown(paths.warm_start)} must hold what the sweep took from earlier ones, and does not "
            f"({reason}): restore it from a backup"
        ) from error


def _earlier(document: Mapping[str, Any]) -> Earlier:
    epochs, found, searched = document["epochs"], document["found"], document["searched"]
    trials = tuple(_trial(trial, epochs) for trial in document["trials"])
    if not trials or not all(isinstance(name, str) for name in [document["folder"], *searched]):
        raise ValueError("a folder, names and trials are wanted")
    if type(found) is not int or not isinstance(document["state"], dict):
        raise ValueError("found and state are wanted")
    fixed = _scalars(document["fixed"])
    return Earlier(
        document["folder"], epochs, frozenset(searched), fixed, trials, found=found, state=document["state"]
    )


def _trial(document: Mapping[str, Any], epochs: int) -> EarlierTrial:
    number, values = document["number"], dict(document["values"])
    if not values or not all(type(epoch) is int and 0 < epoch <= epochs for epoch in (*values, epochs)):
        raise ValueError("epochs are whole numbers from 1 on")
    if (
        type(number) is not int
        or not 0 <= number < _MOST_TRIALS
        or not all(is_finite(value) for value in values.values())
    ):
        raise ValueError("numbers are wanted")
    return EarlierTrial(number, _scalars(document["params"]), values, document["failed"] is True)


def _scalars(document: Mapping[str, Any]) -> Params:
    if not all(value is None or isinstance(value, str | int | float) for value in document.values()):
        raise ValueError("values of parameters are scalars")
    return dict(document)

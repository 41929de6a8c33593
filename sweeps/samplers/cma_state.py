"""The optimizer of CMA-ES as JSON data.

Optuna keeps it between trials as a pickle (in hexadecimal digits) among a trial's attributes, and unpickles
what it finds there. A study may come from anyone, so here the state is stored as data, and the pickle that
Optuna reads is made anew, in memory, from that data. A pickle that a study holds is never read.

    "cma:state": {"class": "CMA", "attributes": {"_g": 3, "_mean": {"float64": [2], "bytes": base64}, ...}}
"""

from __future__ import annotations

import base64
import copy
import pickle
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from sweeps.errors import CorruptStudyError

_PICKLED = re.compile(r"(\w+):optimizer:\d+")  # Optuna's own keys
_STATE = re.compile(r"(\w+):state")  # ours
_CLASSES = ("CMA", "SepCMA", "CMAwM")  # of cmaes, which takes half a second to import
_DTYPES = ("float64", "int64", "bool")
_MOST_RESAMPLING = 1_000_000  # Optuna gives 10 a dimension
_BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


def without_pickles(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a sampler has just set on a new trial, with an optimizer's pickle replaced by its data."""
    kept = {key: value for key, value in attributes.items() if not _PICKLED.fullmatch(key)}
    for prefix, pickled in _joined(attributes).items():
        # Made by Optuna in this process a moment ago; nothing that was stored comes here.
        kept[f"{prefix}:state"] = _described(pickle.loads(bytes.fromhex(pickled)))
    return kept


class StoredTrials:
    """Trials of the study as a sampler gets to see them: nothing in them was pickled by somebody else."""

    def __init__(self) -> None:
        self._ended: dict[int, FrozenTrial] = {}  # by id; they never change

    def seen(self, trial: FrozenTrial) -> FrozenTrial:
        """Raises CorruptStudyError for what only looks like a sampler's state."""
        known = self._ended.get(trial._trial_id)
        if known is not None:
            return known
        attributes = _with_pickles(trial.system_attrs, trial.number)
        if attributes is not None:
            trial = copy.copy(trial)
            trial.system_attrs = attributes
        if trial.state.is_finished():
            self._ended[trial._trial_id] = trial
        return trial


def _with_pickles(attributes: Mapping[str, Any], number: int) -> dict[str, Any] | None:
    """The stored attributes of trial ``number`` as Optuna wants them; None where nothing has to change.

    Raises:
        CorruptStudyError: a state is not what `without_pickles` has made.
    """
    states = {found[1]: attributes[key] for key in attributes if (found := _STATE.fullmatch(key))}
    if not states and not any(map(_PICKLED.fullmatch, attributes)):
        return None
    kept = {key: value for key, value in attributes.items() if not _PICKLED.fullmatch(key)}
    for prefix, state in states.items():
        kept[f"{prefix}:optimizer:0"] = pickle.dumps(_optimizer(state, number)).hex()
    return kept


def _joined(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The pickles by prefix; Optuna cuts a long one into pieces, in order."""
    pickles: dict[str, str] = {}
    for key, value in attributes.items():
        if found := _PICKLED.fullmatch(key):
            pickles[found[1]] = pickles.get(found[1], "") + value
    return pickles


def _described(optimizer: Any) -> dict[str, Any]:
    attributes = {name: _encoded(value) for name, value in optimizer.__getstate__().items()}
    return {"class": type(optimizer).__name__, "attributes": attributes}


def _encoded(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):  # numbers of NumPy's come back as such
        array = np.asarray(value)
        assert array.dtype.name in _DTYPES, f"CMA-ES keeps an array of {array.dtype}"
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        return {array.dtype.name: list(array.shape), "bytes": data}
    if value is None or type(value) in (bool, int, float):
        return value
    assert type(value).__name__ in _CLASSES, f"CMA-ES keeps a {type(value).__name__}"
    return _described(value)


def _optimizer(state: Any, number: int) -> Any:
    try:
        optimizer = _built(state)
        if not 0 < optimizer._n_max_resampling <= _MOST_RESAMPLING:
            raise ValueError("resampling")
        _built(state).ask()  # whether its parts fit each other
    except _BROKEN as error:
        raise CorruptStudyError(
            f"trial {number}: the state of CMA-ES must be what `sweep` stored there, and does not read back "
            f"({type(error).__name__}): restore the study from a backup"
        ) from error
    return optimizer


def _built(state: Any) -> Any:
    import cmaes

    kind = getattr(cmaes, _CLASSES[_CLASSES.index(state["class"])])
    optimizer = kind.__new__(kind)
    attributes = {str(name): _decoded(value) for name, value in state["attributes"].items()}
    restore = getattr(optimizer, "__setstate__", optimizer.__dict__.update)
    restore(attributes)
    return optimizer


def _decoded(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float):
        return value
    if "class" in value:
        return _built(value)
    name = next(name for name in _DTYPES if name in value)
    array = np.frombuffer(base64.b64decode(value["bytes"]), name).reshape(value[name])
    return array.copy() if array.ndim else array[()]

"""Search spaces as a sweep's YAML writes them, as coordinates of the unit cube.

Many configurations at once are columns: name -> array of their values. Nothing of sweeps is imported, so that
peers with an interpreter of their own read the same spaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Space = Mapping[str, Mapping[str, Any]]  # name -> {min, max, log} or {values}
Columns = dict[str, np.ndarray]


def decode(space: Space, cube: np.ndarray) -> Columns:
    """The configurations at ``cube``, shape (n, parameters), from 0 to 1; whole numbers are rounded to."""
    return {name: _values(domain, cube[:, place]) for place, (name, domain) in enumerate(space.items())}


def _values(domain: Mapping[str, Any], u: np.ndarray) -> np.ndarray:
    if "values" in domain:
        choices = np.array(domain["values"])
        return choices[np.minimum((u * len(choices)).astype(int), len(choices) - 1)]
    low, high = domain["min"], domain["max"]
    found = low * (high / low) ** u if domain.get("log") else low + u * (high - low)
    if is_whole(domain):
        return np.clip(np.round(found), low, high).astype(int)
    return np.clip(found, low, high)


def encode(space: Space, columns: Columns) -> np.ndarray:
    """Where configurations lie in the unit cube; choices at the middle of their share."""
    return np.stack([_coordinate(domain, columns[name]) for name, domain in space.items()], axis=1)


def _coordinate(domain: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    if "values" in domain:
        places = np.array([list(domain["values"]).index(value) for value in values])
        return (places + 0.5) / len(domain["values"])
    low, high = domain["min"], domain["max"]
    if domain.get("log"):
        return np.log(values / low) / np.log(high / low)
    return (values - low) / (high - low)


def is_whole(domain: Mapping[str, Any]) -> bool:
    """Whether a range is one of whole numbers: both its bounds are."""
    return isinstance(domain["min"], int) and isinstance(domain["max"], int)


def rows(columns: Columns) -> list[dict[str, Any]]:
    """The configurations one by one, as plain numbers and texts."""
    listed = {name: values.tolist() for name, values in columns.items()}
    return [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]


def columns(configs: list[Mapping[str, Any]], space: Space) -> Columns:
    """The other way round; a configuration may hold more than the space's parameters."""
    return {name: np.array([config[name] for config in configs]) for name in space}

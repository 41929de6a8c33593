"""``--set a.b=c``: values set into the tree before it is checked, read by the file's own loader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sweeps.space.wording import show
from sweeps.spec.components import KINDS
from sweeps.spec.positions import KeyPath, Location, Positions, dotted
from sweeps.spec.problems import Problems
from sweeps.spec.yaml_loader import load_yaml


def apply_overrides(
    data: dict[str, Any], positions: Positions, overrides: Sequence[str], problems: Problems
) -> None:
    """Set each ``path=value`` into ``data``, later ones over earlier ones; ``positions`` follow."""
    for number, override in enumerate(overrides, start=1):
        # What a shell passes may be no UTF-8: Python carries such bytes as lone surrogates.
        text = override.encode(errors="backslashreplace").decode()
        place = Location(number, 1, 1, f"--set {text}")
        name, equals, value_text = text.partition("=")
        segments = name.strip().split(".")
        if not equals or not all(segments):
            problems.add_at(place, (), f"is not a setting ({show(text)}): write key.path=value")
            continue
        if not value_text.strip():
            problems.add_at(place, (), f"gives no value ({show(text)}): write null for none")
            continue
        unreadable = Problems()
        value, _ = load_yaml(value_text.encode(), place, unreadable)
        problems.merge(unreadable)
        if not unreadable:
            _set(data, positions, segments, value, place, problems)


def _set(
    data: dict[str, Any],
    positions: Positions,
    segments: list[str],
    value: Any,
    place: Location,
    problems: Problems,
) -> None:
    path: KeyPath = ()
    inner = data
    while True:
        key, segments = _next_key(inner, path, segments)
        if not segments:
            break
        path = (*path, key)
        if _is_bare_component(inner.get(key), path):
            inner[key] = {"name": inner[key]}
            positions.values[(*path, "name")] = positions.of_value(path)
        owner = _as_mapping(inner.get(key))
        if owner is None:
            message = f"is not a mapping ({show(inner[key])}): set {dotted(path)} as a whole"
            problems.add_at(place, path, message)
            return
        inner[key] = owner
        inner = owner
    inner[key] = value
    positions.override((*path, key), place)


def _next_key(inner: dict[str, Any], path: KeyPath, segments: list[str]) -> tuple[str, list[str]]:
    """The key to go to and the segments left: the file's dotted keys first, groups entered by themselves."""
    for end in range(len(segments), 0, -1):
        joined = ".".join(segments[:end])
        if joined in inner:
            return joined, segments[end:]
    inside_group = path[:1] == ("parameters",) and len(path) > 1 and isinstance(inner.get("parameters"), dict)
    if inside_group and segments[0] not in ("parameters", "when"):
        return "parameters", segments
    return segments[0], segments[1:]


def _is_bare_component(value: Any, path: KeyPath) -> bool:
    """Whether ``value`` is a sampler or pruner written as its name alone."""
    return len(path) == 1 and path[0] in KINDS and isinstance(value, str)


def _as_mapping(value: Any) -> dict[str, Any] | None:
    """``value`` as a mapping to set keys in; None where it is something else."""
    if isinstance(value, dict):
        return value
    return {} if value is None else None

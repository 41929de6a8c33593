"""``parameters``, ``fixed`` and ``constraints`` as written, read into declarations for `build_space`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sweeps.space.build import DeclaredCondition, DeclaredConstraint, DeclaredParameter
from sweeps.space.values import Value
from sweeps.space.wording import did_you_mean, listed, show
from sweeps.spec.positions import KeyPath
from sweeps.spec.problems import Reporter
from sweeps.spec.ranges import RANGE_KEYS, is_scalar, read_domain

LEAF_KEYS = (*RANGE_KEYS, "values", "when")
GROUP_KEYS = ("parameters", "when")

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


@dataclass(frozen=True)
class Group:
    """A level of nesting: its dotted name ("" at the top) and the conditions on all its members."""

    name: str = ""
    when: tuple[DeclaredCondition, ...] = ()

    def full_name(self, name: str) -> str:
        """The dotted name of a member."""
        return f"{self.name}.{name}" if self.name else name


@dataclass
class ParametersReader:
    """Walks the tree under ``parameters``; ``declared`` grows in the order of the file."""

    reporter: Reporter
    declared: list[DeclaredParameter] = field(default_factory=list)

    def read(self, written: Any, path: KeyPath, group: Group) -> None:
        """Declare the members that ``written``, the mapping at ``path``, gives to ``group``."""
        if not isinstance(written, dict) or not written:
            self.reporter.value(path, f"must be a mapping of at least one parameter ({show(written)})")
            if group.name:
                self._unread(group.name, path)
            return
        for name, entry in written.items():
            self._member(name, entry, (*path, name), group)

    def _member(self, name: str, entry: Any, path: KeyPath, group: Group) -> None:
        full = group.full_name(name)
        if not _NAME.fullmatch(name):
            rule = "letters, digits and underscores, not beginning with a digit; nest with parameters"
            self.reporter.key(path, f"is no name for a parameter ({show(name)}): use {rule}")
        if not isinstance(entry, dict):
            self._no_mapping(name, entry, path)
            self._unread(full, path)
        elif "parameters" in entry:
            self._unknown_keys(entry, GROUP_KEYS, path, "a group of parameters")
            when = self._conditions(entry, path, group)
            self.read(entry["parameters"], (*path, "parameters"), Group(full, group.when + when))
        else:
            unknown = self._unknown_keys(entry, LEAF_KEYS, path, "a parameter")
            when = self._conditions(entry, path, group)
            known = {key: value for key, value in entry.items() if key in LEAF_KEYS}
            complete = not unknown or "values" in known or {"min", "max"} <= set(known)
            domain = read_domain(known, path, self.reporter) if complete else None
            self.declared.append(DeclaredParameter(full, domain, group.when + when, path))

    def _unread(self, name: str, path: KeyPath) -> None:
        self.declared.append(DeclaredParameter(name, None, (), path))

    def _no_mapping(self, name: str, entry: Any, path: KeyPath) -> None:
        if isinstance(entry, list):
            fix = f"write {{values: {show(entry)}}}"
        elif entry is None:
            fix = "write {min: …, max: …} or {values: […]}"
        else:
            fix = f"move it to fixed, as {name}: {show(entry)}"
        self.reporter.value(path, f"is not a range or a choice ({show(entry)}): {fix}")

    def _unknown_keys(self, entry: dict[str, Any], known: tuple[str, ...], path: KeyPath, what: str) -> bool:
        unknown = [key for key in entry if key not in known]
        for key in unknown:
            near = did_you_mean(key, known)
            if key == "value" and not near.endswith('"value"?'):
                near = "; a single value belongs under fixed"
            if key == "distribution":
                near = "; write log: true or step: ... beside min and max instead"
            self.reporter.key((*path, key), f"is not a key of {what}: one of {listed(known)}{near}")
        return bool(unknown)

    def _conditions(
        self, entry: dict[str, Any], path: KeyPath, group: Group
    ) -> tuple[DeclaredCondition, ...]:
        if "when" not in entry:
            return ()
        written, here = entry["when"], (*path, "when")
        if not isinstance(written, dict) or not written:
            example = "write {optimizer: sgd} or {optimizer: [sgd, adamw]}"
            self.reporter.value(here, f"must be a mapping of names to values ({show(written)}): {example}")
            return ()
        read = [self._condition(name, value, (*here, name), group) for name, value in written.items()]
        return tuple(condition for condition in read if condition is not None)

    def _condition(self, name: str, value: Any, path: KeyPath, group: Group) -> DeclaredCondition | None:
        listed_values = value if isinstance(value, list) else [value]
        if not listed_values:
            self.reporter.value(path, "must list at least one value ([]): it can never be met")
            return None
        paths = [(*path, index) for index in range(len(value))] if isinstance(value, list) else [path]
        sound = [is_scalar(item, at, self.reporter) for item, at in zip(listed_values, paths, strict=True)]
        return DeclaredCondition(name, tuple(listed_values), group.name, path) if all(sound) else None


def read_fixed(written: Any, reporter: Reporter) -> tuple[dict[str, Value], list[DeclaredParameter]]:
    """The flat fixed values, and a declaration without a domain for each that could not be read."""
    flat: dict[str, Value] = {}
    unread: list[DeclaredParameter] = []
    if written is None:
        return flat, unread
    if not isinstance(written, dict):
        reporter.value(
            ("fixed",), f"must be a mapping of names to values ({show(written)}): write {{data: digits}}"
        )
        return flat, unread
    for name, value, path in flatten(written, ("fixed",), reporter):
        if name in flat:
            reporter.key(path, f'is given twice ("{name}"): keep one of them')
        elif is_scalar(value, path, reporter):
            flat[name] = value
        else:
            unread.append(DeclaredParameter(name, None, (), path))
    return flat, unread


def flatten(
    written: dict[str, Any], path: KeyPath, reporter: Reporter, prefix: str = ""
) -> list[tuple[str, Any, KeyPath]]:
    """Dotted name, value and path of every leaf of nested mappings; ill-formed names are reported."""
    leaves: list[tuple[str, Any, KeyPath]] = []
    for name, value in written.items():
        here = (*path, name)
        if not _NAME.fullmatch(name):
            rule = "use letters, digits and underscores, not beginning with a digit"
            reporter.key(here, f"is no name for a value ({show(name)}): {rule}")
        if isinstance(value, dict):
            leaves += flatten(value, here, reporter, f"{prefix}{name}.")
        else:
            leaves.append((f"{prefix}{name}", value, here))
    return leaves


def read_constraints(written: Any, reporter: Reporter) -> list[DeclaredConstraint]:
    """The texts listed under ``constraints``."""
    path = ("constraints",)
    if written is None:
        return []
    if not isinstance(written, list):
        reporter.value(path, f'must be a list of expressions ({show(written)}): write ["a <= b"]')
        return []
    declared = []
    for index, source in enumerate(written):
        if isinstance(source, str):
            declared.append(DeclaredConstraint(source, (*path, index)))
        else:
            reporter.value((*path, index), f'must be an expression as text ({show(source)}): write "a <= b"')
    return declared

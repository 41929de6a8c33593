"""pydantic's findings in our words: what is wrong, the value, the rule and the nearest fix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sweeps.space.wording import did_you_mean, listed, show
from sweeps.spec.model import Settings
from sweeps.spec.positions import KeyPath
from sweeps.spec.problems import Reporter
from sweeps.spec.scalars import read_plain

_EXAMPLES: Mapping[KeyPath, str] = {
    ("name",): "letters, digits, dots, dashes and underscores, such as my_cnn",
    ("train",): "module:function or path/to/file.py:function, such as my_cnn:train",
    ("test",): "module:function or path/to/file.py:function, such as my_cnn:test",
    ("storage",): "sqlite:///file.db or postgresql://host/database",
}
NOT_YET: Mapping[KeyPath, frozenset[str]] = {("engine",): frozenset({"ray", "simulated"})}


def report_findings(error: ValidationError, reporter: Reporter) -> None:
    """Report every finding of ``error`` at its key path."""
    for finding in error.errors():
        path = finding["loc"]
        message = _message(finding, path)
        rule = description(path)
        reporter.value(path, f"{message} — {rule}" if rule and finding["type"] == "missing" else message)


def sections() -> dict[KeyPath, tuple[str, ...]]:
    """The keys of every mapping that pydantic reads, by path."""
    found: dict[KeyPath, tuple[str, ...]] = {(): tuple(Settings.model_fields)}
    for name in Settings.model_fields:
        section = _section(name)
        if section is not None and name not in ("sampler", "pruner"):
            found[(name,)] = tuple(section.model_fields)
    return found


def description(path: KeyPath) -> str:
    """What the key at ``path`` means, or an empty string."""
    model: type[BaseModel] | None = Settings
    text = ""
    for part in path:
        field = model.model_fields.get(str(part)) if model is not None else None
        text = (field.description or "") if field is not None else ""
        model = _section(str(part)) if model is Settings else None
    return text


def _section(name: str) -> type[BaseModel] | None:
    annotation = Settings.model_fields[name].annotation if name in Settings.model_fields else None
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _message(finding: ErrorDetails, path: KeyPath) -> str:
    kind, value, limits = finding["type"], finding.get("input"), finding.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        return _not_listed(path, value, limits)
    if kind == "string_pattern_mismatch":
        return f"is not well formed ({show(value)}): write {_EXAMPLES[path]}"
    if kind == "duration":
        return f"{finding['msg']} ({show(value)})"
    write = _PLAIN.get(kind)
    if write is None:
        raise AssertionError(f"no wording for pydantic's {kind}")
    return f"{write(limits)} ({show(value)}){_fix(kind, value)}"


_PLAIN: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "string_type": lambda _: "must be text",
    "string_too_short": lambda _: "must not be empty",
    "bool_type": lambda _: "must be true or false",
    "model_type": lambda _: "must be a mapping",
    "model_attributes_type": lambda _: "must be a mapping",
    "tuple_type": lambda _: "must be a list",
    "greater_than": lambda limits: f"must be above {limits['gt']}",
    "greater_than_equal": lambda limits: f"must be at least {limits['ge']}",
    "less_than": lambda limits: f"must be below {limits['lt']}",
}


def _fix(kind: str, value: Any) -> str:
    """How a value of the wrong type was probably meant."""
    if kind == "model_type":
        return ": write {key: value}"
    if kind == "tuple_type":
        return f": write [{value}]" if isinstance(value, str) else ": write [a, b]"
    if kind == "string_type" and isinstance(value, (int, float)):
        return f': quote it, as in "{show(value)}"'
    if kind in ("int_type", "float_type") and isinstance(value, str):
        meant = read_plain(value.replace("_", "").strip())
        if isinstance(meant, (int, float)) and not isinstance(meant, bool):
            return f": write {show(meant)} without quotes or underscores"
    if isinstance(value, float) and value.is_integer():
        return f": write {int(value)}"
    return ""


def _not_listed(path: KeyPath, value: Any, limits: Mapping[str, Any]) -> str:
    allowed = limits["expected"].replace("'", "").replace(" or ", ", ").split(", ")
    if path in NOT_YET and isinstance(value, str) and value in NOT_YET[path]:
        return f"is not available yet ({show(value)}): one of {listed(allowed)}"
    if len(allowed) == 1:
        return f"must be {allowed[0]} ({show(value)})"
    return f"is unknown ({show(value)}): one of {listed(allowed)}{did_you_mean(value, allowed)}"

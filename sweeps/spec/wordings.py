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
from sweeps.spec.scalars import meant_by
from sweeps.urls import mask_password

_EXAMPLES: Mapping[KeyPath, str] = {
    ("metric",): "{name: val_loss, goal: minimize}",
    ("metric_constraints",): '["latency <= 50"]',
    ("early_stopping",): "{patience: 5}",
    ("budget",): "{trials: 100}",
    ("resources",): "{cpus: 1}",
    ("resources", "custom"): "{tpu: 1}",
    ("distributed",): "ddp, or {name: ddp, ranks: 2}",
    ("retries",): "{crash: 1}",
    ("breaker",): "{in_a_row: 5}",
    ("curves",): "module:factory or path/to/file.py:factory, such as my_curves:factory",
    ("simulation",): "{crash: 0.01}",
    ("infeasible",): "[oom, nonfinite]",
    ("warm_start",): "[results/old_run]",
    ("export",): "[safetensors]",
    ("timeout",): "{report: 30m}",
    ("keep",): "{top: 3}",
    ("name",): "letters, digits, dots, dashes and underscores, such as my_cnn",
    ("train",): "module:function or path/to/file.py:function, such as my_cnn:train",
    ("test",): "module:function or path/to/file.py:function, such as my_cnn:test",
    ("storage_path",): "an absolute path or a URI that every node reaches, such as s3://bucket/sweeps",
    ("storage",): "sqlite:///file.db or postgresql://host/database",
}
_PASSWORDS: Mapping[KeyPath, str] = {
    ("storage",): "the folder keeps this text; put it into ~/.pgpass, or PGPASSWORD in the environment",
    ("storage_path",): "the folder keeps this text; use the environment, as in AWS_SECRET_ACCESS_KEY",
}


def report_findings(
    error: ValidationError, reporter: Reporter, at: KeyPath = (), section: KeyPath = ()
) -> None:
    """Report every finding of ``error`` at its key path, below ``at``, in the words of ``section``."""
    for finding in error.errors():
        path = finding["loc"]
        reporter.value((*at, *path), _message(finding, (*section, *path)))


def sections() -> dict[tuple[str, ...], tuple[str, ...]]:
    """The keys of every mapping that pydantic reads, by path."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {(): tuple(Settings.model_fields)}
    for name in Settings.model_fields:
        section = _section(name)
        if section is not None and name not in ("sampler", "pruner"):
            found[(name,)] = tuple(key for key in section.model_fields if key != "further")
    return found


def _description(path: KeyPath) -> str:
    """What the key at ``path`` holds."""
    owner = _section(str(path[0])) if len(path) > 1 else Settings
    assert owner is not None
    return owner.model_fields[str(path[-1])].description or ""


def _section(name: str) -> type[BaseModel] | None:
    annotation = Settings.model_fields[name].annotation if name in Settings.model_fields else None
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _message(finding: ErrorDetails, path: KeyPath) -> str:
    kind, value, limits = finding["type"], finding.get("input"), finding.get("ctx", {})
    if isinstance(value, str):
        value = mask_password(value)
    if kind == "password":
        return f"must not hold a password ({show(limits['shown'])}): {_PASSWORDS[path]}"
    if kind == "missing":
        return f"is missing: {_description(path)}"
    if kind == "literal_error":
        return _not_listed(path, value, limits)
    if kind == "string_pattern_mismatch":
        return f"is not well formed ({show(value)}): write {_EXAMPLES[path]}"
    if kind == "rule":
        return f"{finding['msg']} ({show(value)})"
    write = _PLAIN.get(kind)
    if write is None:
        raise AssertionError(f"no wording for pydantic's {kind}")
    return f"{write(limits)} ({show(value)}){_fix(kind, value, path)}"


_PLAIN: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "string_type": lambda _: "must be text",
    "string_too_short": lambda _: "must not be empty",
    "model_type": lambda _: "must be a mapping",
    "tuple_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be a mapping",
    "greater_than": lambda limits: f"must be above {limits['gt']:g}",
    "greater_than_equal": lambda limits: f"must be at least {limits['ge']:g}",
    "less_than": lambda limits: f"must be below {limits['lt']}",
    "less_than_equal": lambda limits: f"must be at most {limits['le']:g}",
    "bool_type": lambda _: "must be true or false",
}


def _fix(kind: str, value: Any, path: KeyPath) -> str:
    """How a value of the wrong type was probably meant."""
    if kind in ("model_type", "dict_type", "tuple_type"):
        return f": write {_EXAMPLES[path]}"
    if kind == "string_type" and isinstance(value, (int, float)):
        return f': quote it, as in "{show(value)}"'
    if kind in ("int_type", "float_type") and isinstance(value, str):
        meant = meant_by(value.replace("_", "").strip())
        if isinstance(meant, (int, float)) and not isinstance(meant, bool):
            return f": write {show(meant)} without quotes or underscores"
    if kind in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f": write {int(value)}"
    return ""


def _not_listed(path: KeyPath, value: Any, limits: Mapping[str, Any]) -> str:
    allowed = limits["expected"].replace("'", "").replace(" or ", ", ").split(", ")
    if len(allowed) == 1:
        return f"must be {allowed[0]} ({show(value)})"
    return f"is unknown ({show(value)}): one of {listed(allowed)}{did_you_mean(value, allowed)}"


# What other tools call it: keys of W&B sweeps, Optuna and Ray Tune, and where they stand here.
ELSEWHERE = {
    "method": "sampler",
    "program": "train",
    "command": "train",
    "objective": "train",
    "early_terminate": "pruner",
    "scheduler": "pruner",
    "num_samples": "budget: {trials: ...}",
    "n_trials": "budget: {trials: ...}",
    "run_cap": "budget: {trials: ...}",
    "max_concurrent_trials": "workers",
    "n_jobs": "workers",
    "direction": "metric: {name: ..., goal: ...}",
    "directions": "metric: [{name: ..., goal: ...}, ...]",
    "metrics": "metric: [{name: ..., goal: ...}, ...]",
    "search_space": "parameters",
    "config": "fixed",
}

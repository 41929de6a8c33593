"""From a search-space YAML to a frozen `SweepSpec`, or to all its problems with their places."""

from __future__ import annotations

from sweeps.spec.load import load_spec
from sweeps.spec.model import (
    Budget,
    Component,
    Distributed,
    EarlyStopping,
    Keep,
    Metric,
    Resources,
    Retries,
    Timeout,
)
from sweeps.spec.schema import json_schema
from sweeps.spec.spec import SweepSpec
from sweeps.spec.stored import load_resolved, with_keep

__all__ = [
    "Budget",
    "Component",
    "Distributed",
    "EarlyStopping",
    "Keep",
    "Metric",
    "Resources",
    "Retries",
    "SweepSpec",
    "Timeout",
    "json_schema",
    "load_resolved",
    "load_spec",
    "with_keep",
]

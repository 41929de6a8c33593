"""Constraints on metrics: whether they hold, and how far they are from it."""

from __future__ import annotations

import pytest

from sweeps.space.expressions import ConstraintError
from sweeps.space.limits import parse_limit

METRICS = {"latency": 60.0, "accuracy": 0.5, "net.size": 3.0, "zero": 0.0, "huge": 1e200}


@pytest.mark.parametrize(
    ("source", "excess"),
    [
        ("latency <= 60", 0.0),
        ("latency <= 50", 10.0),
        ("latency < 60", 1e-12),
        ("50 >= latency", 10.0),
        ("0.9 <= accuracy and latency / 2 < 28", 2.4),
        ("0 < latency <= 50", 10.0),
        ("70 <= latency <= 50", 10.0),
        ("max(net.size, accuracy) <= 2", 1.0),
        ("not latency > 50", 1.0),
        ("latency < 50 or accuracy > 0.9", 1.0),
        ("latency < 50 or accuracy > 0.4", 0.0),
        ("latency == 61", 1.0),
        ("latency / zero < 1", 1.0),
        ("huge <= 1", 1e100),
        ("huge * huge <= 1", 1e100),
    ],
)
def test_excess(source, excess):
    assert parse_limit(source).excess(METRICS) == pytest.approx(excess)


def test_names_are_metrics_with_their_dots():
    assert parse_limit("max(net.size, 2) < log(latency) or true").names == {"net.size", "latency"}


@pytest.mark.parametrize(
    "source", ["1 < 2", "latency +", "latency", "f(latency) < 1", "a.b() < 1", "-" * 498 + "a"]
)
def test_what_can_never_hold_is_explained(source):
    with pytest.raises(ConstraintError):
        parse_limit(source)

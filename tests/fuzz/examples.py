"""How many examples the properties of this folder are tried on: few in every run, many in `make faults`.

The few are the same in every run, so that a change fails because of what it changes. The many are new ones
each time: what they find is printed with the code that repeats it.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

_UNHURRIED = {
    "deadline": None,  # two examples on a busy machine may differ tenfold
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
}


def few(examples: int, **further) -> settings:
    """In every run of the tests."""
    return settings(max_examples=examples, derandomize=True, database=None, **_UNHURRIED, **further)


def many(examples: int, **further) -> settings:
    """Under the marker `faults`."""
    return settings(max_examples=examples, **_UNHURRIED, **further)


faults = pytest.mark.faults

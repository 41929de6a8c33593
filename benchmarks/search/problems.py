"""What is searched: a space, and the learning curve of each of its configurations.

``lcbench:3945`` is a task of the surrogate in LCBENCH_DIR; ``hartmann:0``, ``branin:0`` and ``deceptive:0``
are the first instances of the synthetic families. ``mirrored:lcbench:7593`` is that task with every range
turned round, ``inverted:lcbench:7593`` with good and bad configurations exchanged.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.search.space import Columns, Space, columns, decode, encode

METRIC = "val_loss"  # to be minimised
WRONG = ("mirrored", "inverted")  # the best of one lies where the other is bad
Batch = Callable[[Columns], tuple[np.ndarray, np.ndarray]]

# For judging: nothing is tuned on these.
JUDGING = ("3945", "126026", "168330", "189862", "167104", "34539", "146212", "167184")
# The collection's other tasks.
DEVELOPMENT = (
    *("7593", "126025", "126029", "167149", "167152", "167161", "167168", "167181", "167185"),
    *("167190", "167200", "167201", "168329", "168331", "168335", "168868", "168908", "168910"),
    *("189354", "189865", "189866", "189873", "189905", "189906", "189908", "189909"),
)
_FAMILIES = {
    "judging": tuple(f"lcbench:{task}" for task in JUDGING),
    "development": tuple(f"lcbench:{task}" for task in DEVELOPMENT),
    "hartmann": ("hartmann:0", "hartmann:1"),
    "branin": ("branin:0", "branin:1"),
    "deceptive": tuple(f"deceptive:{instance}" for instance in range(4)),
}
SETS: Mapping[str, tuple[str, ...]] = _FAMILIES | {
    "synthetic": _FAMILIES["hartmann"] + _FAMILIES["branin"] + _FAMILIES["deceptive"]
}


@dataclass(frozen=True)
class Problem:
    """Something to search.

    Attributes:
        name: "family:instance".
        space: as under ``parameters`` of a sweep's YAML, without conditions.
        epochs: the most that a configuration is trained.
        batch: (n configurations) -> losses and seconds per epoch, both of shape (n, epochs); seconds are
            above 0.
    """

    name: str
    space: Space
    epochs: int
    batch: Batch

    def curve(
        self, config: Mapping[str, Any], seed: int, epochs: int
    ) -> tuple[dict[str, list[float]], list[float]]:
        """Metrics and seconds of the first ``epochs`` epochs. ``seed`` changes nothing: no curve is noisy."""
        losses, seconds = self.batch(columns([config], self.space))
        return {METRIC: losses[0, :epochs].tolist()}, seconds[0, :epochs].tolist()


@functools.cache
def problem(name: str) -> Problem:
    """Raises ValueError for a name that is none, and for a surrogate that is not there."""
    family, _, instance = name.partition(":")
    if family in WRONG:
        return _wrong(name, family, problem(instance))
    if family == "lcbench":
        from benchmarks.search.lcbench import lcbench as make
    else:
        from benchmarks.search.synthetic import FAMILIES

        if family not in FAMILIES or not instance.isdecimal():
            known = ", ".join(f"{kind}:NUMBER" for kind in FAMILIES)
            raise ValueError(f"a problem is lcbench:TASK, {known}, or a set of them, not {name!r}")
        make = FAMILIES[family]
    space, epochs, batch = make(instance)
    return Problem(name, space, epochs, batch)


def _wrong(name: str, family: str, of: Problem) -> Problem:
    """A problem on the space of another one that is of no help there."""

    def mirrored(configs: Columns) -> tuple[np.ndarray, np.ndarray]:
        return of.batch(decode(of.space, 1.0 - encode(of.space, configs)))

    def inverted(configs: Columns) -> tuple[np.ndarray, np.ndarray]:
        losses, seconds = of.batch(configs)
        return typical**2 / losses, seconds

    some = decode(of.space, np.random.default_rng(0).random((200, len(of.space))))
    typical = np.median(of.batch(some)[0], axis=0)
    return Problem(name, of.space, of.epochs, {"mirrored": mirrored, "inverted": inverted}[family])


def names(asked: list[str]) -> list[str]:
    """Problems by name, by a set's name (``judging``), or the first of a set (``development:8``)."""
    found: list[str] = []
    for name in asked:
        kind, _, number = name.partition(":")
        if name in SETS:
            found += SETS[name]
        elif kind == "development" and number.isdecimal():
            found += SETS[kind][: int(number)]
        else:
            found.append(problem(name).name)
    return list(dict.fromkeys(found))

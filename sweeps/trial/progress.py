"""What a trial keeps on disk between epochs: ``last.pt`` to go on from, ``best.pt`` to end with.

last.pt       {"epoch", "best": {"epoch", "value"} | None, "objects": {name: state dict}, "rng", "ranks"}
best.pt       {"epoch", "value", "objects": {name: state dict}}
inherited.pt  another trial's last.pt, from which this trial goes on with a configuration of its own

Rank 0 writes and reads them. "ranks" holds what is each other rank's own: {"rng", "generators"}, from rank 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sweeps.errors import CheckpointError, TrialError
from sweeps.messages import Exploit, Goal
from sweeps.paths import TrialPaths
from sweeps.trial import rng
from sweeps.trial.checkpoint import Checkpoint, State, deserialise, serialise
from sweeps.trial.inherit import keep_hyperparameters
from sweeps.trial.world import World, state_of_first


@dataclass(frozen=True, slots=True)
class Best:
    """The best epoch so far and its objective."""

    epoch: int
    value: float


class Progress:
    """Saves and restores the objects of ``trial.epochs``; raises TrialError for one that has no state."""

    def __init__(
        self,
        paths: TrialPaths,
        goal: Goal,
        objects: Mapping[str, Any],
        world: World,
        log: Callable[[str], None] = print,
    ) -> None:
        """``log`` is told of checkpoints that are damaged."""
        for name, value in objects.items():
            _check_stateful(name, value)
        self._last = Checkpoint(paths.last)
        self._best_file = Checkpoint(paths.best)
        self._inherited = Checkpoint(paths.inherited)
        self._sign = 1.0 if goal == "minimize" else -1.0
        self._objects = objects
        self._world = world
        self._log = log
        self._begins = 0  # the epoch after which the trial took over another one's state
        self.best: Best | None = None
        self.saved = 0  # the epoch that is on disk to go on from

    def resume(self, exploit: Exploit | None = None) -> int:
        """Restore the newest state that is whole; returns its epoch, 0 where there is none.

        A ``last.pt`` counts only together with the ``best.pt`` of the best epoch it speaks of: ``best.pt``
        may be one report ahead, and a damaged file falls back to the one before. After an ``exploit`` only
        epochs later than it count; before there is one, the state is the parent's.

        Raises CheckpointError for a parent's state that is damaged or does not fit.
        """
        self._begins = exploit.epoch if exploit else 0
        last = state_of_first(self._world, "the start of trial.epochs()", lambda: self._newest(exploit))
        if last is None:
            return 0
        self._load(last, exploit)
        if self._world.rank == 0:
            rng.restore(last["rng"])
        elif own := last["ranks"][self._world.rank - 1]:
            load_objects(self._generators(), own["generators"], f"{self._last.path}")
            rng.restore(own["rng"])
        epoch = int(last["epoch"])
        self.saved = epoch if epoch > self._begins else 0
        return epoch

    def save_last(self, epoch: int) -> None:
        """Save what epoch ``epoch`` ended with."""
        given = self._world.share(f"the end of epoch {epoch}", self._own_state())
        self.saved = epoch
        if self._world.rank != 0:
            return
        best = asdict(self.best) if self.best else None
        ranks = [deserialise(data, "a rank's state") if data else None for data in given[1:]]
        state = {"epoch": epoch, "best": best, "objects": self._states()}
        self._last.save({**state, "rng": rng.capture(), "ranks": ranks})
        self._inherited.discard()

    def save_if_best(self, epoch: int, value: float) -> None:
        """Save ``best.pt`` if ``value`` is finite and strictly better than every earlier one."""
        if not math.isfinite(value) or (self.best and self._sign * value >= self._sign * self.best.value):
            return
        self._best_file.save({"epoch": epoch, "value": value, "objects": self._states()})
        self.best = Best(epoch, value)

    def restore_best(self) -> None:
        """Give the objects the state of the best epoch; without a finite objective they stay as they are.

        So they do where the best epoch lies before an exploit: it belongs to another configuration.
        """
        best = state_of_first(self._world, "the end of trial.epochs()", self._load_best)
        if best is not None:
            load_objects(self._objects, best["objects"], f"{self._best_file.path}")

    def discard_fallbacks(self) -> None:
        """Remove what only a continued trial would need."""
        self._last.discard_previous()
        self._best_file.discard_previous()
        self._inherited.discard()

    def _newest(self, exploit: Exploit | None) -> State | None:
        """The newest state that counts; where there is none, everything is removed."""
        for path, last in self._last.candidates(self._skip):
            if last["epoch"] <= self._begins:
                continue
            if last["best"] is not None and self._adopt_best(last["best"]["epoch"]) is None:
                continue
            self._last.adopt(path)
            self.best = Best(**last["best"]) if last["best"] else None
            return last
        if exploit:
            return self._inherit(exploit)
        if self._last.begun:
            self._log("no whole checkpoint to go on from: starting over at epoch 1")
        self._last.discard()
        self._best_file.discard()
        return None

    def _inherit(self, exploit: Exploit) -> State:
        """What the parent held, but for hyperparameters; the best epoch stays this trial's own."""
        state = self._inherited.load()
        keep_hyperparameters(state["objects"], self._states())
        self._last.discard()
        self.best = self._adopt_best(exploit.epoch, or_before=True)
        return state

    def _load(self, last: State, exploit: Exploit | None) -> None:
        if exploit is None or last["epoch"] > exploit.epoch:
            load_objects(self._objects, last["objects"], f"{self._last.path}")
            return
        try:
            source = f"what trial {exploit.parent} held after epoch {exploit.epoch}"
            load_objects(self._objects, last["objects"], source)
        except CheckpointError as error:
            raise CheckpointError(
                f"{error}; a population (pruner: pbt) may explore only what leaves every shape as it is"
            ) from error

    def _load_best(self) -> State | None:
        return self._best_file.load() if self.best and self.best.epoch > self._begins else None

    def _own_state(self) -> bytes:
        """What is this rank's own; rank 0's is in the checkpoint it writes."""
        if self._world.rank == 0:
            return b""
        generators = {name: _state(value) for name, value in self._generators().items()}
        return bytes(serialise({"rng": rng.capture(), "generators": generators}))

    def _generators(self) -> dict[str, Any]:
        return {name: value for name, value in self._objects.items() if _is_generator(value)}

    def _adopt_best(self, epoch: int, *, or_before: bool = False) -> Best | None:
        for path, best in self._best_file.candidates(self._skip):
            if best["epoch"] == epoch or (or_before and best["epoch"] < epoch):
                self._best_file.adopt(path)
                return Best(best["epoch"], best["value"])
        return None

    def _skip(self, error: CheckpointError) -> None:
        if self._last.begun:
            self._log(f"{error}: not used")

    def _states(self) -> State:
        return {name: _state(value) for name, value in self._objects.items()}


def load_objects(objects: Mapping[str, Any], states: Mapping[str, Any], source: str) -> None:
    """Load each object's state; raises CheckpointError if ``states`` lacks one or its shapes do not fit."""
    for name, value in objects.items():
        _check_stateful(name, value)
        if name not in states:
            held = ", ".join(map(repr, states))
            raise CheckpointError(
                f"{source} holds {held} but not {name!r}: pass the names given to trial.epochs(...)"
            )
        try:
            _load(value, states[name])
        except (RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{source} does not fit the {name!r} that was passed: {type(error).__qualname__}: {error}"
            ) from error


def _check_stateful(name: str, value: Any) -> None:
    if not (_is_generator(value) or (hasattr(value, "state_dict") and hasattr(value, "load_state_dict"))):
        raise TrialError(
            f"{name!r} is a {type(value).__qualname__} without state_dict() and load_state_dict(): pass "
            "models, optimizers, schedulers, torch.Generator or objects with these two methods"
        )


def _is_generator(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Generator)


def _state(value: Any) -> Any:
    return value.get_state() if _is_generator(value) else _bare(value).state_dict()


def _load(value: Any, state: Any) -> None:
    value.set_state(state) if _is_generator(value) else _bare(value).load_state_dict(state)


def _bare(value: Any) -> Any:
    """The module inside a DistributedDataParallel, compiled or not: what a single process works with."""
    from torch.nn.parallel import DistributedDataParallel

    compiled = getattr(value, "_orig_mod", value)  # by torch.compile
    return compiled.module if isinstance(compiled, DistributedDataParallel) else value

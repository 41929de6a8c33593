"""Ray Tune's loop, and the four objects by which it calls `Bridge`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import Any

from ray import tune
from ray.tune import Callback, Stopper
from ray.tune.error import TuneError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from sweeps.engines.ray.bridge import Bridge, Killed
from sweeps.engines.ray.seat import WORD, Seat

_ERROR_CHARACTERS = 300  # of what an actor failed with


def fit(bridge: Bridge, needs: Mapping[str, float], folder: str) -> None:
    """Run Tune's loop until nothing is left to do, or the bridge is killed. ``folder`` is Tune's own.

    Raises what the controller raises.
    """
    tuner = tune.Tuner(
        tune.with_resources(Seat, tune.PlacementGroupFactory([dict(needs)])),
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=BridgeSearcher(bridge),
            scheduler=BridgeScheduler(bridge),
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=folder,
            verbose=0,
            stop=BridgeStopper(bridge),
            callbacks=[BridgeCallback(bridge)],
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    try:
        tuner.fit()
    except Killed:
        pass
    except TuneError as error:
        raise _cause(error) from None


def _cause(error: BaseException) -> BaseException:
    """What a callback of ours raised: Tune puts the text of it into an error of its own."""
    cause: BaseException | None = error
    while isinstance(cause, TuneError):
        cause = cause.__context__
    return cause or error


class BridgeSearcher(Searcher):
    """Tune's way to `Bridge.suggest`."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    def suggest(self, trial_id: str) -> Any:
        return self._bridge.suggest(trial_id)

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        """The scheduler has told it."""

    def save(self, checkpoint_path: str) -> None:
        """The study is what a sweep is resumed from, never Tune's own state."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError


class BridgeScheduler(FIFOScheduler):
    """Tune's way to `Bridge.hear`."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Ray types only a part of itself
        self._bridge = bridge

    def choose_trial_to_run(self, tune_controller: Any) -> TuneTrial | None:
        """None in particular: an actor that is free goes to the newest seat, and one that is starting stays
        with the seat it is started for. First come, first served would start such actors again and again.
        """
        return None

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        return self._bridge.hear(trial, result[WORD])

    def on_trial_complete(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> None:
        self._bridge.left(trial.trial_id)

    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        self._bridge.left(trial.trial_id)

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        lines = str(trial.get_error() or "no reason given").strip().splitlines()
        self._bridge.lost(trial.trial_id, lines[-1][:_ERROR_CHARACTERS])


class BridgeCallback(Callback):
    """Called around each of Tune's rounds, at least ten times a second."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._on_usr1 = signal.getsignal(signal.SIGUSR1)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as of the bridge."""
        return {}

    def setup(self, *args: Any, **info: Any) -> None:
        """SIGUSR1 is ours to stop on, and Tune has just put its own handler in its place."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGUSR1, self._on_usr1)

    def on_step_begin(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        self._bridge.tick(trials)


class BridgeStopper(Stopper):
    """Ends the seats that are left when there is nothing more to do."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._bridge.over

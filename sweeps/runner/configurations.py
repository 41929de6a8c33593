"""Configurations of the space shown to the user's code before anything starts, where it asks to see them.

A module that defines ``check_config(config)`` beside its training function is given configurations drawn from
the space, in a process of its own; a ValueError it raises is bad input, not a failed trial. Where it takes
them it also gets ``searched``, the names of the parameters, and ``epochs``, the most of one trial.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweeps.engines.output import prints_of_user_code
from sweeps.engines.simulated.curves import checked, load_curves
from sweeps.errors import Infeasible, TargetError, UsageError
from sweeps.messages import IMPORTING
from sweeps.seeding import generator, trial_seed
from sweeps.space import Params
from sweeps.spec import SweepSpec
from sweeps.trial import check_target
from sweeps.trial.config import Config

SAMPLES = 200
PATIENCE = 120.0  # seconds; a check that takes longer decides nothing
_DRAWS = 4_000  # of an infinite space, at most, where constraints refuse most of them
_KEY = 3  # keeps these draws apart from the sweep's own

_ASK = """
import inspect, json, os, sys
from pathlib import Path
from sweeps.errors import TargetError
from sweeps.trial import Config, load_function
asked = json.load(sys.stdin)
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
try:
    check = load_function(asked["target"], [Path(place) for place in asked["places"]])
except TargetError:
    sys.exit()
takes = inspect.signature(check).parameters
known = {name: value for name, value in asked["known"].items() if name in takes}
refused = {}
for number, config in enumerate(asked["configs"]):
    try:
        check(Config(config), **known)
    except ValueError as error:
        refused.setdefault(str(error), []).append(number)
for message, numbers in list(refused.items())[:1]:
    told = {"message": message, "number": numbers[0], "all": len(numbers) == len(asked["configs"])}
    json.dump(told, answer)
"""


def check_configurations(spec: SweepSpec, places: tuple[Path, ...]) -> None:
    """Show up to 200 configurations to ``check_config`` beside the training function, if it is there.

    What does not import is left to the workers, whose environment may differ.

    Raises:
        UsageError: it refuses one of them.
    """
    target = f"{spec.train.rpartition(':')[0]}:check_config"
    if not _is_defined(target, places):
        return
    drawn = list(itertools.islice(_configurations(spec), SAMPLES))
    configs = [spec.space.config(params) for params in drawn]
    known = {
        "searched": [parameter.name for parameter in spec.space.parameters],
        "epochs": spec.epochs,
        "world_size": spec.distributed.ranks if spec.distributed else 1,
    }
    places_here = [str(place) for place in places]
    try:
        refused = _ask({"target": target, "places": places_here, "configs": configs, "known": known})
    except subprocess.TimeoutExpired:
        return
    if refused is None:
        return
    if refused["all"]:
        raise UsageError(refused["message"])
    shown = ", ".join(f"{name}: {value!r}" for name, value in drawn[refused["number"]].items())
    raise UsageError(f"{refused['message']} (in a configuration of this space: {shown})")


def check_curves(spec: SweepSpec, places: tuple[Path, ...]) -> None:
    """Ask for the learning curve of one configuration; does nothing where the sweep is not simulated.

    Raises:
        TargetError: the curves cannot be imported, or they raise.
        UsageError: what they give is no learning curve of this sweep.
    """
    if not spec.simulated or spec.curves is None:
        return
    for params in itertools.islice(_configurations(spec), 1):
        config, seed = Config(spec.space.config(params)), trial_seed(spec.seed, 0)
        with contextlib.redirect_stdout(prints_of_user_code()):
            curve_of = load_curves(spec.curves, places)
            try:
                curve = curve_of(config, seed, spec.epochs)
            except (Infeasible, MemoryError):  # of this configuration
                return
            except Exception as error:  # the boundary round the user's code
                shown = ", ".join(f"{name}: {value!r}" for name, value in params.items())
                raise TargetError(
                    f"curves: {spec.curves} must give the learning curve of every configuration, and raised "
                    f"{type(error).__qualname__}: {error} (for {shown})"
                ) from error
        checked(curve, spec.metric.name, spec.epochs, spec.watched)


def _is_defined(target: str, places: tuple[Path, ...]) -> bool:
    try:
        check_target(target, places)
    except TargetError:
        return False
    return True


def _configurations(spec: SweepSpec) -> Iterator[Params]:
    """What is tried first, then all of a small space, or random ones, that hold the constraints."""
    yield from spec.enqueue
    size = spec.space.size()
    if size is not None and size <= SAMPLES:
        yield from spec.space.configurations()
        return
    rng = generator(spec.seed, _KEY)
    drawn = (spec.space.uniform(rng) for _ in range(_DRAWS))
    yield from (params for params in drawn if spec.space.allows(params))


def _ask(question: dict[str, Any]) -> dict[str, Any] | None:
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        input=json.dumps(question),
        env=os.environ | {IMPORTING: "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    answer: dict[str, Any] | None = json.loads(done.stdout) if done.stdout else None
    return answer

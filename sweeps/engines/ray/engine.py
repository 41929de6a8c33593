"""The ray engine: Tune's loop in the calling thread, with our controller in place of Tune's own decisions."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.clock import Clock
from sweeps.engines.base import Director, EngineSettings, Job, JobResult
from sweeps.engines.local.launcher import Launcher
from sweeps.engines.ray.connection import Connection, quiet
from sweeps.engines.ray.workspace import receive
from sweeps.errors import FinalsError, SweepError
from sweeps.messages import Died, Interrupted

if TYPE_CHECKING:
    from sweeps.engines.ray.bridge import Bridge
    from sweeps.engines.ray.seat import Released, SeatPlan

_LOOK = 0.1  # seconds between two looks at a job


class RayEngine:
    """Runs trials as Ray Tune trials, each in a worker process of the local engine on the node Ray chose.

    Connects when it is first needed. The Ray that this process is already connected to is used and left as it
    is; else the one at ``settings.address`` or RAY_ADDRESS; else a private one is started, and ended by
    ``close``.
    """

    def __init__(self, settings: EngineSettings, preload: Sequence[str] = ("torch",)) -> None:
        """Raises UsageError if a private Ray would have no room for one trial."""
        self._settings = settings
        self._preload = tuple(preload)
        self._connection = Connection(settings)
        self._forkserver = _Forkserver(preload, settings.folder) if self._connection.private else None
        self._killed = False
        self._bridge: Bridge | None = None

    @property
    def workers(self) -> int:
        """How many trials run at once now; a cluster may grow and shrink. Connects.

        Raises UsageError if there is no such cluster, or no room for a trial.
        """
        with quiet():
            self._open()
            return max(1, self._connection.seats())

    @property
    def gpus(self) -> float:
        """GPUs of one trial. Connects; raises as `workers` does."""
        with quiet():
            self._open()
            return self._connection.needs.get("GPU", 0.0)

    def clock(self, elapsed: float) -> Clock:
        return Clock()

    def run(self, controller: Director) -> None:
        with quiet(), tempfile.TemporaryDirectory(prefix="sweeps-tune-") as folder:
            self._open()
            from sweeps.engines.ray.bridge import Bridge
            from sweeps.engines.ray.tune import fit

            self._bridge = Bridge(controller, self._plan(), self._connection.seats)
            self._bridge.killed = self._killed
            try:
                fit(self._bridge, self._connection.needs, folder)
            finally:
                # On another error trials stay RUNNING in the study, and are taken up when it is resumed.
                if self._bridge.killed or self._bridge.unusable:
                    self._bridge.abandon()

    def call(self, job: Job) -> JobResult:
        with quiet():
            self._open()
            import ray
            from ray.exceptions import RayActorError, RayTaskError

            from sweeps.engines.ray.seat import Bench

            bench: Any = ray.remote(Bench).options(**_options(self._connection.needs)).remote()
            result = bench.call.remote(self._plan(), job)
            try:
                while not self._killed:
                    if ray.wait([result], timeout=_LOOK)[0]:
                        return _received(job, ray.get(result))
            except RayActorError as error:
                return JobResult(None, Died("crash", f"the actor of the test died: {error}"))
            except RayTaskError as error:
                raise _of_the_node(error.cause) from None
            finally:
                ray.kill(bench)
            return JobResult(None, Interrupted())

    def kill(self) -> None:
        self._killed = True
        if self._bridge is not None:
            self._bridge.killed = True

    def close(self) -> None:
        self._connection.close()
        if self._forkserver is not None:
            self._forkserver.close()

    def _open(self) -> None:
        if self._forkserver is not None:
            self._forkserver.start()  # it imports while Ray starts
        self._connection.open()

    def _plan(self) -> SeatPlan:
        from sweeps.engines.ray.seat import SeatPlan

        source = self._connection.source
        settings = replace(self._settings, gpus=self._connection.needs.get("GPU", 0.0), workers=1)
        path = tuple(sys.path) if source is None else ()
        door = self._forkserver.door if self._forkserver else None
        return SeatPlan(settings, self._preload, door, Path.cwd(), path, settings.storage, source)


class _Forkserver:
    """One for all seats of a private Ray: each would import torch for itself."""

    def __init__(self, preload: Sequence[str], folder: Path | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sweeps-fork-"))
        self.door = self._folder / "door"
        self._launcher = Launcher(preload, door=self.door, folder=folder)

    def start(self) -> None:
        """Begin to start it, without waiting."""
        self._launcher.ready(timeout=0.0)

    def close(self) -> None:
        self._launcher.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _of_the_node(cause: BaseException) -> SweepError:
    """What a node could not do, without Ray's account of it."""
    if isinstance(cause, SweepError):
        return cause
    return FinalsError(
        f"a node must be able to run the test, and this one cannot: {type(cause).__name__}: {cause}; look at "
        "its logs (/tmp/ray/session_latest/logs)"
    )


def _received(job: Job, released: Released) -> JobResult:
    receive(job.spec.directory, released.log)
    receive(job.bundle, released.bundle)
    return released.result


def _options(needs: Mapping[str, float]) -> dict[str, Any]:
    """``needs`` in the words of Ray's actors."""
    own = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
    options: dict[str, Any] = {own[name]: amount for name, amount in needs.items() if name in own}
    return {"num_cpus": 0, **options, "resources": {n: a for n, a in needs.items() if n not in own}}

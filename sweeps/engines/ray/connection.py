"""The Ray that trials run on: a private one on this machine, a cluster, or the one this process is in."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping

from sweeps.engines.base import EngineSettings
from sweeps.engines.ray.shipping import packed
from sweeps.engines.ray.storage import check_storage
from sweeps.engines.slots import plan_slots, this_machine
from sweeps.errors import UsageError
from sweeps.trial.target import source_hash

_SWITCHES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",  # a sweep that is a submitted job ships its code itself
    # Ctrl-C is ours. Tune's loggers, snapshots and printed errors would repeat what the study has.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "RAY_BACKEND_LOG_LEVEL": "error",  # what a failed attempt to connect means is said by us, once
    # How many seats wait for room is the bridge's to say.
    "TUNE_MAX_PENDING_TRIALS_PG": "1000000",
}
# Said to Ray, it keeps a Ray of one machine on the loopback interface, on Linux too.
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_OBJECT_STORE = 80 * 2**20  # bytes: small messages are all that passes through it
_REACH = 5.0  # seconds to reach a cluster's head
_LOOK_AGAIN = 1.0  # seconds between two looks at a cluster's nodes
_HOW_TO_CONNECT = (
    "start Ray there (ray start --head), give --address host:port, or leave it out for a private Ray on this "
    "machine"
)

_TOKEN = (
    "; where the cluster asks for a token, as one does that was started where there is a ~/.ray/auth_token, "
    "export RAY_AUTH_MODE=token here too"
)


class Connection:
    """A connection that is made when it is first needed, and closed by ``close`` if it was made here."""

    def __init__(self, settings: EngineSettings) -> None:
        """Raises UsageError if a private Ray on this machine would have no room for one trial."""
        self._settings = settings
        given = settings.address or (None if _in_a_ray() else os.environ.get("RAY_ADDRESS"))
        self._address = None if given == "local" else given
        self.private = self._address is None and not _in_a_ray()
        self._needs: Mapping[str, float] = {}
        # sha256 of the training function's source, where the code has travelled
        self.source: str | None = None
        self._looked = -math.inf
        self._capacity = 0
        self._stack = contextlib.ExitStack()
        if self.private:
            machine = this_machine()
            self._slots = plan_slots(
                settings.cpus, settings.gpus, settings.workers, machine, _processes(settings)
            )

    def open(self) -> None:
        """Connect, unless it has been done.

        Raises:
            UsageError: the storage cannot be written to, there is no such cluster, or it runs another version
                of Ray or Python, or none of its nodes has room for a trial.
        """
        if self._needs:
            return
        if self._address is not None:
            _refuse_unreachable(self._address)
        if self._settings.storage is not None:
            check_storage(self._settings.storage)
        with switched({} if self._address else _ALONE):
            import ray

            if not ray.is_initialized():
                with _own_sigterm():
                    self._connect(self._address) if self._address else self._start_private()
                self._stack.callback(ray.shutdown)
            elif self._address is not None:
                _refuse_another(self._address)
            self._stack.enter_context(_muted())
        self._needs = self._one_trial(ray.cluster_resources())
        if self._settings.workers is None or self.private:
            self._refuse_without_room()

    def close(self) -> None:
        """Disconnect; a private Ray ends."""
        self._stack.close()
        self._needs = {}

    @property
    def needs(self) -> Mapping[str, float]:
        """What Ray reserves for one trial, by resource."""
        return self._needs

    def seats(self) -> int:
        """How many trials there may be at once: ``workers``, or what the nodes alive now have room for."""
        if self.private:
            return len(self._slots)
        if self._settings.workers is not None:
            return self._settings.workers
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN:
            self._looked, self._capacity = now, self._room()
        return self._capacity

    def _start_private(self) -> None:
        import ray

        machine = this_machine()
        with _translated("a private Ray on this machine"):
            ray.init(
                address="local",
                num_cpus=max(machine.cores, len(self._slots) * self._settings.cpus),
                num_gpus=len(machine.gpus),
                object_store_memory=_OBJECT_STORE,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )

    def _connect(self, address: str) -> None:
        import ray

        self.source = source_hash(self._settings.train, self._settings.search_path)
        with packed(self._settings, _SWITCHES) as environment, _translated(address):
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                runtime_env=environment,
            )

    def _one_trial(self, cluster: Mapping[str, float]) -> Mapping[str, float]:
        settings = self._settings
        there = _processes(settings) if cluster.get("GPU", 0) > 0 else 0
        gpus = settings.gpus if settings.gpus is not None else float(there)
        given = {"CPU": float(settings.cpus), "GPU": gpus, "memory": float(settings.memory or 0)}
        return {name: amount for name, amount in {**given, **settings.custom}.items() if amount}

    def _room(self) -> int:
        return sum(_fitting(self._needs, node) for node in _nodes())

    def _refuse_without_room(self) -> None:
        if self._room() > 0:
            return
        nodes = "; ".join(dict.fromkeys(map(_listed, _nodes())))
        raise UsageError(
            f"a trial must fit on a node, and no node has room for {_listed(self._needs)} (there are: "
            f"{nodes}): ask for less under resources:, or, where nodes are started on demand, say how many "
            "trials may run at once with workers:"
        )


def _refuse_unreachable(address: str) -> None:
    """Tune's loop cannot run outside of a cluster; and where nothing answers, Ray would try for a minute."""
    if address.startswith("ray://"):
        raise UsageError(
            f"the driver of a sweep must run on a machine of the cluster, and {address} is for drivers "
            "outside of it: run sweep on its head with --address auto, or by ray job submit"
        )
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not (host and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(
            f"an address of Ray must be auto or host:port, with a port from 1 to 65535, found {address!r}: "
            "write 10.0.0.1:6379, say"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Ray at {address}: nothing can be reached there ({reason}); {_HOW_TO_CONNECT}"
        ) from error


def _refuse_another(address: str) -> None:
    """A process is in one Ray at a time: it must be the one that ``address`` names."""
    import ray

    here = ray.get_runtime_context().gcs_address
    if address == "auto" or _resolved(address) == _resolved(here):
        return
    raise UsageError(
        f"this process is connected to Ray at {here}, and a process can be in one Ray only, found the "
        f"address {address}: call ray.shutdown() first, or give no address"
    )


def _resolved(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return socket.gethostbyname(host.strip("[]")), port


def _nodes() -> list[Mapping[str, float]]:
    """The resources of every node that is alive."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _processes(settings: EngineSettings) -> int:
    """How many processes a trial has that may each want a GPU."""
    return settings.ranks.size if settings.ranks else 1


def _fitting(needs: Mapping[str, float], node: Mapping[str, float]) -> int:
    return math.floor(min(node.get(name, 0.0) / amount for name, amount in needs.items()) + 1e-9)


def _listed(resources: Mapping[str, float]) -> str:
    kinds = {name: amount for name, amount in resources.items() if ":" not in name and "_memory" not in name}
    sizes = {n: f"{amount / 1e9:.3g}GB" if n == "memory" else f"{amount:g}" for n, amount in kinds.items()}
    return ", ".join(f"{name}: {size}" for name, size in sizes.items()) or "nothing"


def _in_a_ray() -> bool:
    """Whether this process is connected already: then that Ray is used, and left as it is."""
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


@contextlib.contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        text = " ".join(str(error).split())
        if "ersion mismatch" in text:
            raise UsageError(
                f"Ray at {where}: driver and cluster must run the same Ray and Python: {text}; install the "
                "cluster's versions here, or start the cluster with these"
            ) from error
        advice = f"; {_HOW_TO_CONNECT}{_TOKEN}" if isinstance(error, ConnectionError) else ""
        raise UsageError(f"Ray at {where}: cannot connect: {text[:500]}{advice}") from error


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep the process's way to end: Ray puts its own handler in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """No news of nodes and actors on stdout, which is for data: Ray prints them whatever it is told."""
    from ray._private import worker

    printing = worker.print_to_stdstream
    worker.print_to_stdstream = lambda data, ignore_prefix: None
    try:
        yield
    finally:
        worker.print_to_stdstream = printing


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ray's own output off and its switches set, while entered."""
    logger = logging.getLogger("ray")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with switched(_SWITCHES):
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def switched(variables: Mapping[str, str]) -> Iterator[None]:
    """``variables`` in the environment, while entered."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            _set(name, value)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value

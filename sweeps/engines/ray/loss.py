"""Why the actor of a trial is gone: with its machine, or alone."""

from __future__ import annotations

import socket
import time
from typing import Literal

import ray

from sweeps.engines.ray.seat import Asks
from sweeps.messages import Died, TrialSpec

_NEWS = 2.0  # seconds after an actor's end in which its node may turn out to be gone, too
_REACH = 0.2  # seconds a node has to take a connection


class Loss:
    """A trial whose actor is gone."""

    def __init__(self, spec: TrialSpec, asks: Asks) -> None:
        self.spec = spec
        self._asks = asks
        self._deadline = time.monotonic() + _NEWS

    def cause(self) -> Died | None:
        """Lost, if its node is gone, and a crash, if it died alone; None while that cannot be told.

        Ray itself takes from a second to a minute to miss a node whose processes have all ended at once.
        """
        state = self._node()
        if state == "gone":
            return Died("lost", f"the node of {self._asks.worker} is gone")
        if time.monotonic() < self._deadline:
            return None
        if state == "silent":
            return Died("lost", f"the node of {self._asks.worker} does not answer")
        return Died("crash", f"the actor {self._asks.worker} died: out of memory, or killed")

    def _node(self) -> Literal["there", "silent", "gone"]:
        """Whether Ray counts on the node, and its raylet takes a connection."""
        node = next((node for node in ray.nodes() if node["NodeID"] == self._asks.node), None)
        if node is None or not node["Alive"]:
            return "gone"
        address = node["NodeManagerAddress"], node["NodeManagerPort"]
        try:
            socket.create_connection(address, timeout=_REACH).close()
        except ConnectionRefusedError:
            return "gone"
        except OSError:
            return "silent"
        return "there"

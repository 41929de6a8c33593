"""Framed messages over a stream socket: a worker waits for them, the driver never does.

driver -> worker    Plan (first of all) | ("run", TrialSpec) | ("call", Job) | a Decision | ("exit",)
worker -> driver    ("ready",) | ("unusable", text)
                    ("report", number, attempt, epoch, metrics) -> a Decision comes back
                    ("finish", number, attempt, Outcome, fit) | ("result", JobResult)
                    fit: whether the process can take another trial

Where a trial has several ranks its worker is a leader (leader.py), to which each rank is a worker; besides:

rank -> leader      ("share", point, bytes) -> ("shared", [bytes of each other rank]) or ("apart", text)
                    ("ended", Outcome)      -> ("over",) when all have ended; only then "finish" follows
"""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.engines.base import Ranks

_HEAD = struct.Struct("<Q")  # a checkpoint may pass that is larger than 4 GiB
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Place:
    """Where a rank stands among those of its trial."""

    rank: int  # 0 <= rank < size
    size: int
    local_rank: int  # among those on its machine
    local_size: int
    backend: str  # of torch.distributed
    host: str  # where rank 0's store listens
    port: int
    listener: int | None  # in rank 0, the descriptor of a socket that listens there


@dataclass(frozen=True)
class Plan:
    """What a new worker is to become."""

    target: str | None  # the training function; None for a worker that only takes jobs
    search_path: tuple[Path, ...]
    sys_path: tuple[str, ...]
    directory: str  # its working directory
    device: str
    cpus: int
    visible: str  # CUDA_VISIBLE_DEVICES
    ranks: Ranks | None = None  # those it is to lead
    place: Place | None = None  # its own, if it is a rank


class Link:
    """One end of a message stream; owns ``connection``."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = bytearray()
        self.ended = False  # whether the other side is known to be gone

    def send(self, message: object) -> None:
        """Raises OSError if the other side is gone."""
        body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self.connection.sendall(_HEAD.pack(len(body)) + body)

    def receive(self) -> Any:
        """Wait for one message; raises EOFError if the other side is gone."""
        while (body := self._frame()) is None:
            chunk = self.connection.recv(_CHUNK)
            if not chunk:
                raise EOFError
            self._buffer += chunk
        return pickle.loads(body)

    def arrived(self) -> Iterator[Any]:
        """The messages that are here now, without waiting for the rest of a half one."""
        self._fill()
        while (body := self._frame()) is not None:
            yield pickle.loads(body)

    def close(self) -> None:
        self.connection.close()

    def _fill(self) -> None:
        while True:
            try:
                chunk = self.connection.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionResetError:
                chunk = b""
            self._buffer += chunk
            self.ended = not chunk
            if len(chunk) < _CHUNK:
                return

    def _frame(self) -> bytes | None:
        if len(self._buffer) < _HEAD.size:
            return None
        end = _HEAD.size + _HEAD.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[_HEAD.size : end])
        del self._buffer[:end]
        return body

"""What a trial may leave behind in the process that the next one runs in."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class _TorchState:
    """torch's settings that hold for a whole process; the defaults are those of a fresh one."""

    threads: int
    dtype: Any
    grad: bool = True
    deterministic: bool = False
    warn_only: bool = False


class ProcessState:
    """The state of this process right now, to be put back between trials.

    It is the environment, and torch's threads, default dtype, grad mode and demand for determinism. ``cpus``
    are the threads torch gets if it is loaded later only.
    """

    def __init__(self, cpus: int) -> None:
        self._cpus = cpus
        self._environment = dict(os.environ)
        self._torch = _torch_state()
        self._threads = set(threading.enumerate())

    def restore(self) -> None:
        """Undo what trials changed."""
        if os.environ != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        now = _torch_state()
        if now is not None:
            wanted = self._torch or _TorchState(self._cpus, sys.modules["torch"].float32)
            _set_torch_state(now, wanted)

    def has_new_threads(self) -> bool:
        """Whether a Python thread lives that did not then: nobody can end it."""
        return not self._threads.issuperset(threading.enumerate())


def _torch_state() -> _TorchState | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    return _TorchState(
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _set_torch_state(now: _TorchState, wanted: _TorchState) -> None:
    """Only what differs: some of these calls import half of torch."""
    torch: Any = sys.modules["torch"]
    if now.threads != wanted.threads:
        torch.set_num_threads(wanted.threads)
    if now.dtype != wanted.dtype:
        torch.set_default_dtype(wanted.dtype)
    if now.grad != wanted.grad:
        torch.set_grad_enabled(wanted.grad)
    if (now.deterministic, now.warn_only) != (wanted.deterministic, wanted.warn_only):
        torch.use_deterministic_algorithms(wanted.deterministic, warn_only=wanted.warn_only)

"""The random number generators of a process: Python's always, NumPy's and torch's where they are loaded."""

from __future__ import annotations

import hashlib
import random
import sys
from typing import Any


def seed_everything(seed: int, device: str) -> None:
    """Seed every generator that is loaded with ``seed`` (0 <= seed < 2**63)."""
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        # A third word, or NumPy would draw the very numbers Python draws: both are the same Mersenne twister.
        numpy.random.seed([seed & 0xFFFFFFFF, seed >> 32, 1])
    if torch := sys.modules.get("torch"):
        # Off the GPU, torch.manual_seed would queue a call and format a stack for every absent accelerator.
        torch.default_generator.manual_seed(seed) if device == "cpu" else torch.manual_seed(seed)


def rank_seed(seed: int, rank: int) -> int:
    """The seed of one rank of a trial, 0 <= seed < 2**63: the trial's own in rank 0, others elsewhere."""
    if rank == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{rank}".encode()).digest()[:8]) >> 1


def capture() -> dict[str, Any]:
    """The state of every generator that is loaded."""
    state: dict[str, Any] = {"python": random.getstate()}
    if numpy := sys.modules.get("numpy"):
        state["numpy"] = numpy.random.get_state(legacy=False)
    if torch := sys.modules.get("torch"):
        state["torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore(state: dict[str, Any]) -> None:
    """Put back what ``capture`` returned. A generator that was not loaded then is left as it is."""
    random.setstate(state["python"])
    if "numpy" in state and (numpy := sys.modules.get("numpy")):
        numpy.random.set_state(state["numpy"])
    if "torch" in state and (torch := sys.modules.get("torch")):
        torch.set_rng_state(state["torch"])
        if "cuda" in state and torch.cuda.device_count() == len(state["cuda"]):
            torch.cuda.set_rng_state_all(state["cuda"])

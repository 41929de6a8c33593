"""How many trials fit on this machine at once, and which CPUs' worth and GPUs each one gets."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import UsageError


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is: CPU cores this process may use, and GPU ids as CUDA_VISIBLE_DEVICES names them."""

    cores: int
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one trial."""

    name: str  # "cpu3", "gpu0", "gpu0.1" (second trial on GPU 0), "gpu0+1"
    device: str  # for the trial: "cpu" or "cuda:0"
    cpus: int
    visible: str  # CUDA_VISIBLE_DEVICES inside the slot
    gpus: float = 0.0  # of its trial; a share of one where below 1


def plan_slots(
    cpus: int, gpus: float | None, workers: int | None, machine: Machine, ranks: int = 1
) -> tuple[Slot, ...]:
    """The slots of ``machine`` for trials of ``cpus`` cores and ``gpus`` GPUs each, at most ``workers``.

    A trial with GPUs is limited by them alone, one without by the cores. Where there are GPUs and ``gpus`` is
    None, each of a trial's ``ranks`` gets one. Raises UsageError if not one fits.
    """
    wanted = gpus if gpus is not None else float(ranks if machine.gpus else 0)
    if wanted == 0:
        slots = tuple(Slot(f"cpu{index}", "cpu", cpus, "") for index in range(machine.cores // cpus))
    elif wanted < 1:
        slots = _shared_gpus(cpus, wanted, machine)
    else:
        slots = _whole_gpus(cpus, wanted, machine)
    if not slots:
        raise UsageError(
            f"no room for a trial of resources.cpus: {cpus} and resources.gpus: {wanted:g}: "
            f"there are {machine.cores} CPU cores and {len(machine.gpus)} GPUs; ask for less, or for other "
            "machines with engine: ray and --address"
        )
    return slots[:workers]


def _shared_gpus(cpus: int, share: float, machine: Machine) -> tuple[Slot, ...]:
    per_gpu = math.floor(1 / share + 1e-9)
    # Round robin, so that a cap on workers spreads them over the GPUs.
    return tuple(
        Slot(f"gpu{index}.{turn}", "cuda:0", cpus, gpu, share)
        for turn in range(per_gpu)
        for index, gpu in enumerate(machine.gpus)
    )


def _whole_gpus(cpus: int, wanted: float, machine: Machine) -> tuple[Slot, ...]:
    if wanted != int(wanted):
        raise UsageError(
            f"resources.gpus must be a whole number from 1 on, or a share below 1, found {wanted:g}"
        )
    size = int(wanted)
    starts = range(0, len(machine.gpus) - size + 1, size)
    return tuple(
        Slot(
            "gpu" + "+".join(str(start + offset) for offset in range(size)),
            "cuda:0",
            cpus,
            ",".join(machine.gpus[start : start + size]),
            wanted,
        )
        for start in starts
    )


def this_machine() -> Machine:
    """What this process may use: its CPU affinity and cgroup quota, and the visible NVIDIA GPUs."""
    return Machine(_cores(), visible_gpus(os.environ, _listed_gpus))


def visible_gpus(environment: Mapping[str, str], listed: Callable[[], int]) -> tuple[str, ...]:
    """The ids in CUDA_VISIBLE_DEVICES, read as CUDA does (it stops at -1); all GPUs where it is not set."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return tuple(str(index) for index in range(listed()))
    ids = [part.strip() for part in chosen.split(",")]
    valid = next((index for index, part in enumerate(ids) if part in ("", "-1")), len(ids))
    return tuple(ids[:valid])


def _listed_gpus() -> int:
    binary = shutil.which("nvidia-smi")
    if binary is None:
        return 0
    try:
        listing = subprocess.run([binary, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return 0
    return sum(line.startswith("GPU ") for line in listing.stdout.splitlines())


def _cores() -> int:
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(affinity, _cgroup_quota())))


def _cgroup_quota() -> float:
    """CPU cores the cgroup (version 2) of this process, or one above it, allows; inf without a limit."""
    quota = math.inf
    try:
        own = Path("/proc/self/cgroup").read_text().strip().rpartition("0::/")[2]
    except OSError:
        return quota
    group = Path("/sys/fs/cgroup") / own
    for folder in (group, *group.parents):
        limit = folder / "cpu.max"
        if limit.is_file():
            allowed, period = limit.read_text().split()
            quota = min(quota, math.inf if allowed == "max" else int(allowed) / int(period))
    return quota

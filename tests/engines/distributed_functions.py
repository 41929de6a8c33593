"""Training functions for several ranks."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

BATCH = 8  # of one rank


def trains(trial):
    """Each rank trains on its part of one batch; without ranks, one process on all of it."""
    torch.manual_seed(trial.seed % 1000)
    bare = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
    model = DistributedDataParallel(bare) if distributed.is_initialized() else bare
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.config.x / 10, momentum=0.9)
    order = torch.Generator().manual_seed(trial.seed % 1000)
    for _ in trial.epochs(model=model, optimizer=optimizer, order=order):
        inputs = torch.randn(BATCH * 2, 6, generator=order)
        own = inputs.chunk(trial.world_size)[trial.rank]
        optimizer.zero_grad()
        loss = ((model(own) - own.sum(1, keepdim=True)) ** 2).mean()
        loss.backward()
        optimizer.step()
        trial.report(val_loss=mean(loss.detach()))


def draws(trial):
    """Trains on what each rank draws for itself, from its own generators."""
    model = DistributedDataParallel(nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.config.x / 10)
    own = torch.Generator().manual_seed(trial.rank)
    for epoch in trial.epochs(model=model, optimizer=optimizer, own=own):
        optimizer.zero_grad()
        loss = (model(torch.randn(16, 4) + torch.randn(16, 4, generator=own)) ** 2).mean()
        loss.backward()
        optimizer.step()
        trial.report(val_loss=mean(loss.detach()))
        if epoch == 2 and trial.attempt == 1 and trial.rank == 1 and "dies" in trial.config:
            os.kill(os.getpid(), signal.SIGKILL)


def mean(value):
    if distributed.is_initialized():
        distributed.all_reduce(value)
        value /= distributed.get_world_size()
    return value


def measure(trial):
    """A test function: one process, the bare model."""
    assert not distributed.is_initialized()
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
    trial.restore_best(model=model)
    return {"weight": sum(p.sum().item() for p in model.parameters()), "ranks": trial.world_size}


def told(trial):
    """What a rank finds; rank 0 gathers it."""
    found = [int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")]
    found += [trial.rank, trial.world_size, trial.device == "cpu", torch.get_num_threads(), os.getpid()]
    found += [torch.initial_seed() == trial.seed, "MASTER_ADDR" in os.environ, int(os.environ["MASTER_PORT"])]
    names = ("rank", "local", "size", "local_size", "trial_rank", "world", "cpu", "threads", "pid", "seed")
    found = dict(zip([*names, "address", "port"], found, strict=True))
    rows = [None] * trial.world_size
    distributed.all_gather_object(rows, found)
    print(f"rank {trial.rank} speaks")
    trial.record(pid=os.getpid())
    flat = {f"{name}.{rank}": value for rank, row in enumerate(rows) for name, value in row.items()}
    trial.report(flat if trial.rank == 0 else {"ignored": "altogether"}, val_loss=1.0, epoch=1)


def falls(trial):
    """All ranks see the same answers, and say so."""
    for epoch in trial.epochs():
        trial.report(val_loss=abs(epoch - 2) + trial.rank)
    print(f"stopped after {epoch}: {trial.stop_reason}")


def fails_in_rank_one(trial):
    """Rank 0 waits for it in a collective, for ever."""
    trial.report(val_loss=1.0, epoch=1)
    if trial.number == 0 and trial.rank == 1:
        subprocess.Popen(["sleep", "300"])
        if trial.config.end == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.config.end == "kills the leader":  # the parent of this rank's supervisor
            supervisor = Path(f"/proc/{os.getppid()}/stat").read_text()
            os.kill(int(supervisor.rpartition(")")[2].split()[1]), signal.SIGKILL)
            time.sleep(60)
        raise ValueError("the second half is bad")
    distributed.barrier()
    trial.report(val_loss=1.0, epoch=2)


def parts(trial):
    """The ranks wait in different reports; rank 0 returns early; rank 1 does, which is no failure."""
    if trial.number == 0:
        trial.report(val_loss=1.0, epoch=1 + trial.rank)
    elif trial.rank == trial.number - 1:
        return
    trial.report(val_loss=1.0, epoch=3)


def hangs_in_rank_one(trial):
    trial.report(val_loss=1.0, epoch=1)
    if trial.rank == 1:
        time.sleep(60)
    distributed.barrier()


def trains_on_its_gpu(trial):
    """nccl reduces what lies on the rank's own GPU, which is torch's current one."""
    assert distributed.get_backend() == "nccl"
    assert trial.device == f"cuda:{torch.cuda.current_device()}" == f"cuda:{trial.rank}"
    model = DistributedDataParallel(nn.Linear(4, 1).to(trial.device), device_ids=[trial.device])
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.config.x / 10)
    for _ in trial.epochs(model=model, optimizer=optimizer):
        loss = (model(torch.randn(16, 4, device=trial.device)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        size = torch.ones(1, device=trial.device)
        distributed.all_reduce(size)
        trial.report(val_loss=mean(loss.detach()), size=size)

"""Training functions that end in every way there is. torch is imported only by those that train."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from sweeps.engines.local.link import Link
from sweeps.messages import Returned

print("functions are imported")


def falling(trial):
    """Falls to x: 1 + x, 1/2 + x, ..."""
    for epoch in trial.epochs():
        trial.report(val_loss=trial.config.x + 1 / epoch, epoch_again=epoch)


def worse_after_two(trial):
    for epoch in trial.epochs():
        trial.report(val_loss=abs(epoch - 2))


def free_form(trial):
    for epoch in range(1, trial.max_epochs + 1):
        trial.report({"val_loss": 1 / epoch}, epoch=epoch)
        if trial.should_stop:
            return


def raises_in_trial_one(trial):
    for epoch in trial.epochs():
        if trial.number == 1 and epoch == 3:
            raise ValueError("hidden size must be positive")
        trial.report(val_loss=1 / epoch)


def raises_once(trial):
    for epoch in trial.epochs():
        if trial.attempt == 1 and epoch == 3:
            raise ValueError("try again")
        trial.report(val_loss=1 / epoch)


def memory_error(trial):
    raise MemoryError


def system_exit(trial):
    sys.exit(3)


def not_a_number(trial):
    for epoch in trial.epochs():
        trial.report(val_loss=float("nan") if epoch == 2 and trial.number == 1 else 1 / epoch)


def hangs_in_trial_one(trial):
    for epoch in trial.epochs():
        trial.report(val_loss=1 / epoch)
        if trial.number == 1 and epoch == 2:
            time.sleep(60)


def slow(trial):
    for epoch in trial.epochs():
        time.sleep(0.1)
        trial.report(val_loss=1 / epoch)


def hangs_after_one_epoch(trial):
    trial.report(val_loss=1.0, epoch=1)
    time.sleep(60)


def trains(trial, seconds=0.0):
    """A real model, so that there is a state to go on from."""
    import torch

    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.config.x / 10)
    for _ in trial.epochs(model=model, optimizer=optimizer):
        time.sleep(seconds)
        optimizer.zero_grad()
        loss = (model(torch.randn(16, 4)) ** 2).mean()
        loss.backward()
        optimizer.step()
        trial.report(val_loss=loss)


def trains_slowly(trial):
    """As ``trains``, at 20 ms an epoch."""
    trains(trial, seconds=0.02)


def population_trains(trial):
    """Tells what a population hands on: the weights it begins an epoch with, those it ends with, its rate."""
    import torch

    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.config.x / 10, momentum=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    for _ in trial.epochs(model=model, optimizer=optimizer, scheduler=scheduler):
        before, rate = model.weight.sum(), optimizer.param_groups[0]["lr"]
        optimizer.zero_grad()
        loss = (model(torch.randn(16, 4)) ** 2).mean()
        loss.backward()
        optimizer.step()
        trial.report(val_loss=loss, before=before, after=model.weight.sum(), rate=rate)
        scheduler.step()


def forks_and_falls_out(trial):
    """The child returns, or raises, where the parent goes on training."""
    for epoch in trial.epochs():
        child = os.fork() if epoch in (2, 3) else None
        if child == 0 and epoch == 3:
            raise RuntimeError("in the child")
        if child == 0:
            return
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else 0
        trial.report(val_loss=1 / epoch, status=status)


def logs(trial):
    """With a handler made once, as ``logging.basicConfig`` does."""
    logger = logging.getLogger(str(trial.directory.parent))
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())
    logger.warning("logged by %d", trial.number)
    falling(trial)


def swallows_a_timeout(trial):
    with contextlib.suppress(BaseException):
        time.sleep(60)
    time.sleep(60)


def talks(trial):
    print(f"print of {trial.number}")
    print(f"error of {trial.number}", file=sys.stderr)
    trial.log(f"log of {trial.number}")
    falling(trial)


# --- only where a trial has a process of its own ------------------------------------------------


def exits_in_trial_one(trial):
    if trial.number == 1:
        os._exit(3)
    falling(trial)


def killed_in_trial_one(trial):
    if trial.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    falling(trial)


def killed_by_a_real_time_signal_in_trial_one(trial):
    if trial.number == 1:
        os.kill(os.getpid(), 40)
    falling(trial)


def segfaults(trial):
    ctypes.string_at(0)


def stopped(trial):
    os.kill(os.getpid(), signal.SIGSTOP)


def wakes_up_late(trial):
    time.sleep(0.9)


def holds_the_gil(trial):
    ctypes.PyDLL(None).sleep(60)


def deaf_to_sigterm(trial):
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    while True:
        time.sleep(1)


def leaves_processes(trial):
    """A child, and a daemon that forked twice and left its session; then ends as the number says."""
    subprocess.Popen(["sleep", "300"])
    _daemon()
    trial.report(val_loss=1.0, epoch=1)
    if trial.number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if trial.number == 1:
        raise RuntimeError("left them behind")


def leaves_processes_and_waits(trial):
    subprocess.Popen(["sleep", "300"])
    _daemon()
    trial.report(val_loss=1.0, epoch=1)
    time.sleep(300)


def _daemon():
    if os.fork() == 0:
        subprocess.Popen(["sleep", "300"], start_new_session=True)  # returns once it is `sleep`
        os._exit(0)
    os.wait()


def tells_its_process(trial):
    open_files = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    sockets = sum("socket:" in str(path.readlink()) for path in open_files)
    facts = {
        "pid": os.getpid(),
        "sockets": sockets,
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "sigint_ignored": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        "gpus_hidden": os.environ["CUDA_VISIBLE_DEVICES"] == "",
        "torch_loaded": "torch" in sys.modules,
    }
    if facts["torch_loaded"]:
        facts["torch_threads"] = sys.modules["torch"].get_num_threads()
    trial.report(val_loss=1.0, epoch=1, **facts)


def leaves_threads_behind(trial):
    daemon = trial.number == 0
    if trial.number < 2:
        threading.Thread(target=time.sleep, args=(60,), daemon=daemon).start()
    trial.report(val_loss=1.0, epoch=1, pid=os.getpid(), threads=threading.active_count())


def changes_the_process_it_trains(trial):
    """Changes everything a process has one of, after telling how it found it."""
    import torch

    found = {
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "float32": torch.get_default_dtype() == torch.float32,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "left": "LEFT_BEHIND" in os.environ,
        "home": os.environ.get("HOME") == "/changed",
    }
    trial.report(val_loss=1.0, epoch=1, pid=os.getpid(), **found)
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    os.environ["LEFT_BEHIND"] = "1"
    os.environ["HOME"] = "/changed"


def changes_its_folder(trial):
    here = Path.cwd()
    os.chdir("/")
    trial.report(val_loss=float(here == Path("/")), epoch=1)


def prints_from_everywhere(trial):
    print("from Python")
    os.write(1, b"from the descriptor\n")
    ctypes.CDLL(None).puts(b"from C")
    subprocess.run(["echo", "from a child"], check=True)
    falling(trial)


def prints_a_lot(trial):
    line = "x" * 999
    for epoch in trial.epochs():
        for _ in range(5_000):
            print(line)
        trial.report(val_loss=1 / epoch)
    for number in range(500):  # longer than it takes until the log is next looked at
        print("one of the last lines:", number)
        time.sleep(0.001)


def prints_past_its_last_report(trial):
    """What follows the report is cut off a log of 5 MB while the trial still runs."""
    for epoch in trial.epochs():
        print("x" * 2_000_000)
        trial.report(val_loss=1 / epoch)
    print("the cause of it all")
    print("x" * 4_900_000)
    time.sleep(1)
    print("the last line")


def told_by_another(trial):
    """Something that holds the worker's link says that another attempt ended."""
    links = [path for path in Path("/proc/self/fd").iterdir() if "socket:" in _linked(path)]
    link = Link(socket.socket(fileno=os.dup(int(links[0].name))))
    link.send(("finish", trial.number + 1, trial.attempt, Returned(), True))
    link.send(("finish", trial.number, trial.attempt + 1, Returned(), True))
    falling(trial)


def _linked(path):
    return str(path.readlink()) if path.is_symlink() else ""


def uses_a_pool(trial):
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        total = sum(pool.map(abs, [-1, -2, -3]))
    trial.report(val_loss=total, epoch=1)


def kills_the_forkserver(trial):
    """Its supervisor's parent is the forkserver."""
    if trial.number == 0:
        supervisor = os.getppid()
        os.kill(
            int(Path(f"/proc/{supervisor}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL
        )
    falling(trial)


def measure(trial):
    """A test function."""
    print("testing")
    return {"accuracy": 0.5 + trial.config.x}


def forking_test(trial):
    if (child := os.fork()) == 0:
        return {"accuracy": 0.0}
    os.waitpid(child, 0)
    return {"accuracy": 1.0}


def slow_test(trial):
    time.sleep(60)


def broken_test(trial):
    raise KeyError("no such split")


def fails_where_broken(trial):
    """Fails in a slot whose GPU is called "broken"."""
    time.sleep(0.02)
    if os.environ["CUDA_VISIBLE_DEVICES"] == "broken":
        raise RuntimeError("CUDA error")
    falling(trial)


def sleeps_a_little(trial):
    for epoch in trial.epochs():
        time.sleep(0.15)
        trial.report(val_loss=1 / epoch)

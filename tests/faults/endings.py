"""Every way a training function may end, one a trial: added to toy.py."""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import torch


def ends(trial):
    """Reports an epoch, so that there is something to lose, then ends as the configuration says."""
    if not trial.config["ending"].startswith("reports_"):
        trial.report(val_loss=1.0, epoch=1)
    globals()[trial.config["ending"]](trial)


def exits_with_0(trial):
    os._exit(0)


def exits_with_3(trial):
    os._exit(3)


def calls_sys_exit_0(trial):
    sys.exit(0)


def is_killed(trial):
    os.kill(os.getpid(), signal.SIGKILL)


def raises_what_no_pickle_holds(trial):
    error = RuntimeError("holds a lock")
    error.lock = threading.Lock()
    raise error


def raises_10_mb(trial):
    raise ValueError("x" * 10_000_000)


def reports_nan(trial):
    trial.report(val_loss=1.0, epoch=1)
    trial.report(val_loss=float("nan"), epoch=2)


def reports_inf(trial):
    trial.report(val_loss=-float("inf"), epoch=1)


def reports_none(trial):
    trial.report(val_loss=None, epoch=1)


def reports_text(trial):
    trial.report(val_loss="0.5", epoch=1)


def reports_another_metric(trial):
    trial.report(accuracy=0.5, epoch=1)


def reports_an_epoch_twice(trial):
    trial.report(val_loss=1.0, epoch=1)
    trial.report(val_loss=0.5, epoch=1)


def reports_backwards(trial):
    trial.report(val_loss=1.0, epoch=2)
    trial.report(val_loss=0.5, epoch=1)


def reports_twice_in_the_loop(trial):
    for _ in trial.epochs():
        trial.report(val_loss=1.0)
        trial.report(val_loss=0.5)


def reports_nothing(trial):
    pass


def _leave_little_memory():
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, resource.RLIM_INFINITY))


def takes_memory(trial):
    _leave_little_memory()
    bytearray(2_000_000_000)


def takes_memory_for_tensors(trial):
    _leave_little_memory()
    torch.empty(500_000_000)


def leaves_a_daemon(trial):
    """A child in a session of its own, and a daemon that forked twice."""
    if os.fork() == 0:
        subprocess.Popen(["sleep", "300"], start_new_session=True, stdout=subprocess.DEVNULL)
        os._exit(0)
    os.wait()
    subprocess.Popen(["setsid", "sleep", "300"])


def leaves_a_child_that_holds_its_output(trial):
    subprocess.Popen(["sh", "-c", "sleep 300; echo late"])


def prints_100_mb(trial):
    line = b"x" * 999 + b"\n"
    for _ in range(100):
        os.write(1, line * 1000)


def prints_binary(trial):
    os.write(1, bytes(range(256)) * 100)
    os.write(2, b"\x1b[2J\x1b]0;title\x07\x1b[31mred\n\xff\xfe")


def hangs_in_sleep(trial):
    signal.pause()


def hangs_in_c(trial):
    ctypes.PyDLL(None).sleep(300)


def hangs_and_ignores_term(trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        with contextlib.suppress(BaseException):
            signal.pause()

"""A training function that ends in every way there is: each costs its own trial, and no other anything."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweeps

MODULE = Path(__file__).with_name("endings.py").read_text()
COMPLETE = ("COMPLETE", "finished", None)
ERROR, CRASH, HANG, OOM, NONFINITE = (
    ("FAILED", kind) for kind in ("error", "crash", "hang", "oom", "nonfinite")
)
ANYWHERE = {
    "calls_sys_exit_0": (*ERROR, "called sys.exit(0)"),
    "raises_what_no_pickle_holds": (*ERROR, "RuntimeError: holds a lock"),
    "raises_10_mb": (*ERROR, "ValueError: xxx"),
    "reports_nan": (*NONFINITE, "val_loss must be a finite number, and was nan at epoch 2"),
    "reports_inf": (*NONFINITE, "val_loss must be a finite number, and was -inf at epoch 1"),
    "reports_none": (*ERROR, "ReportError: metric 'val_loss' must be one number"),
    "reports_text": (*ERROR, "ReportError: metric 'val_loss' must be one number"),
    "reports_another_metric": (*ERROR, "ReportError: every report must hold the objective 'val_loss'"),
    "reports_an_epoch_twice": (*ERROR, "above the last reported, 1"),
    "reports_backwards": (*ERROR, "above the last reported, 2"),
    "reports_twice_in_the_loop": (*ERROR, "ReportError: epoch 1 was reported twice"),
    "reports_nothing": (*ERROR, "returned without any report"),
    "prints_100_mb": COMPLETE,
    "prints_binary": COMPLETE,
}
IN_A_WORKER = {
    "exits_with_0": (*CRASH, "exited with code 0"),
    "exits_with_3": (*CRASH, "exited with code 3"),
    "is_killed": (*CRASH, "killed by SIGKILL"),
    "takes_memory": (*OOM, "MemoryError"),
    "takes_memory_for_tensors": (*OOM, "can't allocate memory"),
    "leaves_a_daemon": COMPLETE,
    "leaves_a_child_that_holds_its_output": COMPLETE,
}
HANGING = {
    "hangs_in_sleep": (*HANG, "no report for 3 s"),
    "hangs_in_c": (*HANG, "no report for 3 s"),
    "hangs_and_ignores_term": (*HANG, "no report for 3 s"),
}


def run_all(project, endings, **keys):
    """A sweep with one trial for each ending; each must end as it says."""
    toy = project(
        MODULE,
        train="toy:ends",
        fixed={"pace": 0.0, "x": 0.5},
        parameters={"ending": {"values": list(endings)}},
        sampler="grid",
        budget={"trials": len(endings)},
        retries={"crash": 0},
        breaker={"in_a_row": None, "fraction": None},
        quarantine=None,
        **keys,
    )
    ended = toy.run()
    assert ended.code == 3, ended.err
    trials = sweeps.load(toy.paths.root).trials.set_index("params.ending")
    for ending, (state, reason, error) in endings.items():
        row = trials.loc[ending]
        assert (row["state"], row["stop_reason"]) == (state, reason), ending
        assert error is None or error in row["error"], ending
        assert error is None or len(row["error"]) < 1000
    assert trials["metric"].dropna().tolist() == [1.0] * trials["metric"].notna().sum()
    assert toy.tested() != []  # the best of those that are COMPLETE
    toy.verify()
    return toy


def test_on_local(project):
    endings = ANYWHERE | IN_A_WORKER
    toy = run_all(project, endings)
    for number, ending in enumerate(sweeps.load(toy.paths.root).trials["params.ending"]):
        kept = sum(path.stat().st_size for path in toy.paths.trial(number).directory.glob("log*"))
        assert kept < 11_000_000, ending
    number = list(sweeps.load(toy.paths.root).trials["params.ending"]).index("prints_binary")
    shown = toy.run("logs", "toy", str(number)).out
    assert "red" in shown and "\x1b" not in shown


@pytest.mark.faults
def test_on_inline(project):
    run_all(project, ANYWHERE, engine="inline")


@pytest.mark.faults
def test_hanging_on_local(project):
    run_all(project, HANGING | {"prints_binary": COMPLETE}, timeout={"report": 3})


@pytest.mark.faults
@pytest.mark.ray
def test_on_ray(project):
    run_all(project, ANYWHERE | IN_A_WORKER | HANGING, engine="ray", timeout={"report": 3})

"""Each fault, on one system: what is done, and a sentence of what was measured on what came of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.faults import toy
from benchmarks.faults.systems import OPTUNA, OURS, RAY, SYNE_TUNE, Driver, Experiment, System

Facts = dict[str, str]  # fault -> sentence


def nothing(system: System) -> Facts:
    with Experiment(system) as experiment:
        driver = experiment.start()
        code = driver.wait()
        return {"nothing": f"{_trials(experiment)}; exit code {code}; {_states(driver)}"}


def driver_killed(system: System) -> Facts:
    """SIGKILL to the driver alone; then the resume that the system's documentation gives."""
    with Experiment(system) as experiment:
        driver = experiment.start()
        experiment.until_midway(driver)
        finished = experiment.settled
        driver.kill()
        time.sleep(1)
        experiment.clear()
        before = len(experiment.rows)
        again = experiment.start()
        code = again.wait()
        facts = f"{_after(experiment, finished, before)}; exit code {code}; {_states(again)}"
        return {"driver killed, then resumed": facts}


def orphans(system: System) -> Facts:
    """SIGKILL to the driver while two trials are in epochs of 3 seconds."""
    with Experiment(system) as experiment:
        driver = experiment.start(PAUSE="3")
        deadline = time.monotonic() + 60
        while len(experiment.begun) < toy.WORKERS and time.monotonic() < deadline:
            time.sleep(0.05)
        driver.kill()
        time.sleep(1)
        rows = len(experiment.rows)
        time.sleep(7)
        left, still = len(experiment.processes()), len(experiment.rows) - rows
        facts = f"{left} processes alive 8 s after it" if left else "no process alive 8 s after it"
        facts += f", which trained {still} more epochs" if still else ""
        return {"driver killed: its processes": facts}


def worker_killed(system: System) -> Facts:
    """The process that trains the third configuration kills itself in its second epoch, the first time."""
    with Experiment(system) as experiment:
        driver = experiment.start("kill:3", kind="processes" if system is OPTUNA else "")
        code = driver.wait()
        order = list(dict.fromkeys(row["x"] for row in experiment.rows))
        struck = order[2] in experiment.finished if len(order) > 2 else False
        what = "the struck trial was finished" if struck else "the struck trial was never finished"
        return {"worker killed": f"{what}; {_trials(experiment)}; exit code {code}; {_states(driver)}"}


def not_finite(system: System) -> Facts:
    """The third configuration's loss, which is minimised, is not a number from its second epoch on."""
    facts = {}
    for fault, name in (("nan:3", "objective NaN"), ("-inf:3", "objective -inf")):
        with Experiment(system) as experiment:
            driver = experiment.start(fault)
            code = driver.wait()
            best = (driver.told or {}).get("best")
            facts[name] = (
                f"{_states(driver)}; best value {best if best is None else f'{best:.3g}'}; exit code {code}"
            )
    return facts


def hanging(system: System) -> Facts:
    """The third configuration sleeps for ever. sweeps is given `timeout: {report: 5s}`."""
    with Experiment(system) as experiment:
        driver = experiment.start("hang:3")
        code = driver.wait(40)
        if code is None:
            facts = f"not ended after 40 s; {len(experiment.finished)} of {toy.TRIALS} trials finished"
        else:
            facts = f"ended; {_trials(experiment)}; exit code {code}; {_states(driver)}"
        return {"a trial hangs": facts}


def interrupted(system: System) -> Facts:
    """One SIGINT to the driver, as Ctrl-C sends it to the foreground: to all of its process group."""
    with Experiment(system) as experiment:
        driver = experiment.start()
        experiment.until_midway(driver)
        finished = experiment.settled
        begun = time.monotonic()
        os.killpg(driver.process.pid, signal.SIGINT)
        code = driver.wait(60)
        seconds = time.monotonic() - begun
        states = _states(driver)
        time.sleep(2)
        left = len(experiment.processes())
        end = "not ended after 60 s" if code is None else f"ended after {seconds:.1f} s, exit code {code}"
        experiment.clear()
        before = len(experiment.rows)
        again = experiment.start()
        again.wait()
        return {
            "Ctrl-C": f"{end}; {states}; {left} processes alive 2 s later",
            "Ctrl-C, then resumed": f"{_after(experiment, finished, before)}; {_states(again)}",
        }


def disk_full(system: System) -> Facts:
    """The results lie on a file system of 8 MB that is filled half-way, and freed before the resume."""
    with Experiment(system) as experiment:
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(experiment.results)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            return {"disk full, then freed and resumed": "not run: it takes the right to mount a tmpfs"}
        try:
            driver = experiment.start()
            experiment.until_midway(driver)
            finished = experiment.settled
            ballast = experiment.results / "ballast"
            _fill(ballast)
            code = driver.wait(60)
            end = "not ended after 60 s" if code is None else f"exit code {code}"
            end += f" ({driver.last_error})" if code else ""
            experiment.clear()
            ballast.unlink()
            before = len(experiment.rows)
            again = experiment.start()
            again.wait()
            facts = f"{end}; {_after(experiment, finished, before)}; {_states(again)}"
        finally:
            experiment.clear()
            subprocess.run(["umount", str(experiment.results)], check=False)
        return {"disk full, then freed and resumed": facts}


def _fill(path: Path) -> None:
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def torn(system: System) -> Facts:
    """The driver is killed, and the file that tells what has been done lacks its last 20 bytes."""
    with Experiment(system) as experiment:
        driver = experiment.start()
        experiment.until_midway(driver)
        finished = experiment.settled
        driver.kill()
        experiment.clear()
        try:
            file = experiment.state_file()
            os.truncate(file, file.stat().st_size - 20)
        except ValueError:
            return {"state file torn, then resumed": "no state file was there yet"}
        before = len(experiment.rows)
        again = experiment.start()
        code = again.wait()
        if code and not again.told:
            facts = f"{file.name} cut: exit code {code} ({again.last_error})"
        else:
            facts = (
                f"{file.name} cut: {_after(experiment, finished, before)}; exit code {code}; {_states(again)}"
            )
        return {"state file torn, then resumed": facts}


def two_drivers(system: System) -> Facts:
    with Experiment(system) as experiment:
        drivers = [experiment.start(), experiment.start()]
        codes = [driver.wait() for driver in drivers]
        refused = next((driver.last_error for driver in drivers if driver.told is None), "")
        facts = f"{_trials(experiment)}; exit codes {codes[0]} and {codes[1]}"
        last = max(drivers, key=lambda driver: driver.log.stat().st_mtime)
        facts += f" ({refused})" if refused else f"; {_states(last)}"
        return {"two drivers in one place": facts}


def choice_added(system: System) -> Facts:
    """The driver is killed and resumed with a further choice in its space."""
    with Experiment(system) as experiment:
        driver = experiment.start()
        experiment.until_midway(driver)
        finished = experiment.settled
        driver.kill()
        experiment.clear()
        before = len(experiment.rows)
        again = experiment.start(choices="a,b,c", EDITED="1")
        code = again.wait()
        facts = f"{_after(experiment, finished, before)}; exit code {code}; {_states(again)}"
        facts += f" ({again.last_error})" if code else ""
        return {"a choice added, then resumed": facts}


def all_raise(system: System) -> Facts:
    with Experiment(system) as experiment:
        driver = experiment.start("raise")
        code = driver.wait()
        facts = f"{_trials(experiment)}; exit code {code}; {_states(driver)}"
        return {"every trial raises": facts}


_TWICE = "space = {'x': uniform(0, 1), 'x': uniform(5, 6)}; print('taken as', space['x'].sample())"
DUPLICATES = {
    RAY: f"from ray.tune import uniform; {_TWICE}",
    SYNE_TUNE: f"from syne_tune.config_space import uniform; {_TWICE}",
    OPTUNA: "import optuna; t = optuna.create_study().ask(); t.suggest_float('x', 0, 1); "
    "print('taken as', t.suggest_float('x', 5, 6))",
}


def duplicated(system: System) -> Facts:
    """The space names x twice: from 0 to 1, then from 5 to 6."""
    with Experiment(system) as experiment:
        if system is OURS:
            text = "version: 1\nname: d\ntrain: t:t\nepochs: 1\nbudget: {trials: 1}\nparameters:\n"
            path = experiment.folder / "d.yaml"
            path.write_text(text + "  x: {min: 0.0, max: 1.0}\n  x: {min: 5.0, max: 6.0}\n")
            command = [system.python(), "-m", "sweeps", "check", path.name]
        else:
            command = [system.python(), "-c", DUPLICATES[system]]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=experiment.folder, timeout=60, check=False
        )
        lines = [
            line for line in (done.stdout + done.stderr).splitlines() if "taken" in line or "twice" in line
        ]
        warned = (
            "; it warned" if "UserWarning" in done.stderr or "inconsistent" in done.stderr.lower() else ""
        )
        said = lines[-1].strip() if lines else ""
        return {"x twice in the space": f"exit code {done.returncode}: {said}{warned}"}


SCENES = (
    nothing,
    driver_killed,
    orphans,
    worker_killed,
    not_finite,
    hanging,
    interrupted,
    disk_full,
    torn,
    two_drivers,
    choice_added,
    all_raise,
    duplicated,
)

# --- what is said of an experiment ----------------------------------------------------------


def _trials(experiment: Experiment) -> str:
    begun, finished = len(experiment.begun), len(experiment.finished)
    return f"{begun} trials begun and {finished} finished for a budget of {toy.TRIALS}"


def _after(experiment: Experiment, finished: set[float], before: int) -> str:
    """What a resume did with the trials that were ``finished`` when ``before`` lines were written."""
    rows = experiment.rows[before:]
    anew = finished & {row["x"] for row in rows}
    known = {(row["x"], row["epoch"]) for row in experiment.rows[:before] if row["epoch"]}
    twice = sum((row["x"], row["epoch"]) in known for row in rows)
    return (
        f"{len(anew)} of {len(finished)} finished trials trained again, {twice} epochs trained twice; "
        f"{_trials(experiment)}"
    )


def _states(driver: Driver) -> str:
    told = driver.told
    if told is None:
        return f"no table ({driver.last_error})" if driver.last_error else "no table"
    return "its table: " + (
        ", ".join(f"{n} {state}" for state, n in sorted(told["states"].items())) or "empty"
    )

"""What must not go wrong between two commands: ownership, refusals without a trace, the one test."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

FACTORIES = """
import optuna


def sampler(seed, strength=1.0):
    return optuna.samplers.RandomSampler(seed=seed)


class Halve:
    name = "halve"

    def __init__(self, keep=2):
        self.keep = keep

    def report(self, trial, epoch, best):
        return trial >= self.keep

    def ended(self, record):
        pass

    def replay(self, records):
        pass


def nothing():
    return 3


class Impostor(Halve):
    name = "early_stopping"
"""


def states(folder, name="toy"):
    rows = json.loads(folder.sweep("trials", name, "--json").stdout)["trials"]
    return [(row["state"], row["stop_reason"]) for row in rows]


def test_a_users_sampler_and_pruner_are_found_beside_the_yaml(toy):
    toy.write("mine.py", FACTORIES)
    done = toy.sweep(
        "run", "toy.yaml", "-s", "sampler=mine:sampler", "-s", "pruner={name: mine:Halve, keep: 3}"
    )
    assert done.returncode == 0, done.stderr
    assert states(toy) == [("COMPLETE", "finished")] * 3 + [("PRUNED", "halve")] * 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sampler={name: mine:sampler, strenght: 2}", 'did you mean "strength"?'),
        ("pruner=mine:nothing", "must return a sweeps.pruners.Pruner"),
        ("pruner=mine:Impostor", "its name must not be"),
        ("pruner=mine:Halv", "did you mean 'Halve'?"),
        ("sampler=broken:sampler", "cannot be imported: SyntaxError"),
        ("pruner={name: hyperband, min_resource: 50}", "from 1 to the sweep's 3 epochs"),
        ("pruner={name: asha, min_epochs: 9}", "from 1 to the sweep's 3 epochs"),
        ("sampler={name: tpe, n_ei_candidates: 0}", "n_ei_candidates must be at least 1"),
        ("sampler={name: cmaes, popsize: 0}", "popsize must be at least 2"),
        ("constraints=['x > 5']", "at least one in 20,000 random configurations must hold them"),
        ("test=toy:tset", "did you mean 'test'?"),
        ("resources.cpus=4096", "4096"),
    ],
)
def test_what_cannot_run_is_found_out_before_a_folder_is_made(toy, override, message):
    toy.write("mine.py", FACTORIES)
    toy.write("broken.py", "def sampler(:\n")
    done = toy.sweep("run", "toy.yaml", "--set", override)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (toy.path / "results").exists()


def test_a_users_sampler_that_returns_something_else_is_told_what_to_return(toy):
    toy.write("mine.py", "class Mine:\n    def suggest(self, draw):\n        return {'x': 0.5}\n")
    done = toy.sweep("run", "toy.yaml", "--set", "sampler=mine:Mine")
    assert done.returncode == 2 and "must return sweeps.samplers.Proposal(params)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_resume_leaves_no_trace(toy):
    toy.sweep("run", "toy.yaml", "--set", "budget.trials=1")
    before = (toy.path / "results/toy/resolved.yaml").read_bytes()
    assert toy.sweep("resume", "toy", "--set", "resources.cpus=4096").returncode == 2
    assert (toy.path / "results/toy/resolved.yaml").read_bytes() == before
    assert toy.sweep("resume", "toy").returncode == 0


def test_two_runs_at_once_one_is_refused_and_changes_nothing(toy):
    toy.write("toy.py", (toy.path / "toy.py").read_text() + "\nimport time; time.sleep(0.5)\n")
    command = [sys.executable, "-m", "sweeps", "run", "toy.yaml", "--quiet", "--set"]
    both = [subprocess.Popen([*command, f"seed={seed}"], cwd=toy.path) for seed in (1, 2)]
    codes = [process.wait(timeout=60) for process in both]
    assert sorted(codes) == [0, 5]
    seed = 1 + codes.index(0)
    assert yaml.safe_load((toy.path / "results/toy/resolved.yaml").read_text())["seed"] == seed


def test_fresh_and_other_folders_share_a_database_but_no_trials(toy):
    arguments = ("--set", "storage=sqlite:///study.db", "--set", "budget.trials=2")
    assert toy.sweep("run", "toy.yaml", *arguments).returncode == 0
    fresh = toy.sweep("run", "toy.yaml", *arguments, "--fresh")
    assert "0 trial(s) from before" in fresh.stderr and fresh.returncode == 0
    other = toy.sweep("run", "toy.yaml", *arguments, "--results", "elsewhere")
    assert "0 trial(s) from before" in other.stderr
    (toy.path / "away").mkdir()
    elsewhere = subprocess.run(
        [sys.executable, "-m", "sweeps", "show", "../results/toy", "--json"],
        cwd=toy.path / "away",
        capture_output=True,
        text=True,
    )
    assert len(json.loads(elsewhere.stdout)["trials"]) == 2
    assert not list((toy.path / "away").iterdir()), "reading made a database"


def test_of_a_long_output_the_end_is_kept(toy):
    lines = "for i in range(700_000): print('line', i)"
    toy.write("toy.py", (toy.path / "toy.py").read_text().replace("print(", f"{lines}\n    print(", 1))
    toy.sweep("run", "toy.yaml", "--set", "engine=local", "--set", "budget.trials=1")
    kept = toy.sweep("logs", "toy", "0").stdout
    assert "line 699999\nhello from trial 0" in kept
    assert "line 0\n" not in kept and 4_900_000 < len(kept) < 10_100_000


def test_a_project_that_was_copied_resumes_with_its_own_code(toy, tmp_path_factory):
    toy.sweep("run", "toy.yaml", "--set", "budget.trials=1")
    copy = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(toy.path, copy)
    code = (copy / "toy.py").read_text().replace("hello from", "greetings from")
    (copy / "toy.py").write_text(code)
    toy.path = copy
    extend = ("resume", "toy", "--set", "budget.trials=2")
    assert toy.sweep(*extend).returncode == 5
    assert "toy:train has changed" in toy.sweep(*extend, "--allow-code-change").stderr
    assert "greetings from trial 1" in toy.sweep("logs", "toy", "1").stdout


def test_a_test_that_fails_is_said_after_the_table_and_can_be_repeated(toy):
    good = (toy.path / "toy.py").read_text()
    toy.write("toy.py", good.replace("return {", "raise RuntimeError('no data')\n    return {"))
    done = toy.sweep("run", "toy.yaml", "--set", "engine=local", "--set", "budget.trials=2")
    assert done.returncode == 3
    assert "no data" in done.stderr and "sweep resume results/toy" in done.stderr
    assert "complete" in done.stdout
    toy.write("toy.py", good)
    done = toy.sweep("resume", "toy")
    assert done.returncode == 0 and "accuracy=" in done.stdout


def test_ctrl_c_in_the_test_is_no_end_of_it(toy):
    good = (toy.path / "toy.py").read_text()
    slow = good.replace("return {", "open('testing', 'w'); __import__('time').sleep(60)\n    return {")
    toy.write("toy.py", slow)
    command = [sys.executable, "-m", "sweeps", "run", "toy.yaml", "--set", "engine=local"]
    driver = subprocess.Popen(
        command, cwd=toy.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (toy.path / "testing").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(driver.pid, signal.SIGINT)
    _, errors = driver.communicate(timeout=20)
    assert driver.returncode == 130
    assert "the test of the winner was interrupted" in errors and "sweep resume results/toy" in errors
    toy.write("toy.py", good)
    done = toy.sweep("test", "toy")
    assert done.returncode == 0 and "accuracy=" in done.stdout
    assert toy.sweep("test", "toy", "--again", "  ").returncode == 2


def interrupt_trial_2(toy):
    """Make the function itself raise KeyboardInterrupt in trial 2."""
    line = "if trial.number == 2: raise KeyboardInterrupt\n        if trial.config"
    toy.write("toy.py", (toy.path / "toy.py").read_text().replace("if trial.config", line))


def test_an_unfinished_sweep_is_not_tested(toy):
    interrupt_trial_2(toy)
    done = toy.sweep("run", "toy.yaml")
    assert done.returncode == 130  # inline: the function's Ctrl-C is the user's
    assert "interrupted; to go on: sweep resume results/toy" in done.stderr
    refused = toy.sweep("test", "toy")
    assert refused.returncode == 5 and "was interrupted" in refused.stderr
    assert "end it where it stands by the same with --set budget.wall=1s" in refused.stderr


def test_a_keyboard_interrupt_of_the_functions_own_is_an_error_in_a_worker(toy):
    interrupt_trial_2(toy)
    done = toy.sweep("run", "toy.yaml", "--set", "engine=local")
    assert done.returncode == 3
    assert states(toy)[2] == ("FAILED", "error")


def test_a_results_folder_that_cannot_be_made_is_named(toy):
    toy.write("file", "")
    done = toy.sweep("run", "toy.yaml", "--results", "file")
    assert done.returncode == 2 and "choose another with --results" in done.stderr


def test_a_torn_event_line_is_cut_and_a_lost_manifest_named(toy):
    toy.sweep("run", "toy.yaml", "--set", "budget.trials=1")
    events = toy.path / "results/toy/events.jsonl"
    events.write_bytes(events.read_bytes() + b'{"time":1,"ev')
    assert toy.sweep("resume", "toy", "--set", "budget.trials=2").returncode == 0
    assert all(json.loads(line) for line in events.read_text().splitlines())
    (toy.path / "results/toy/manifest.json").write_text("{")
    done = toy.sweep("resume", "toy")
    assert done.returncode == 5 and "manifest.json" in done.stderr and "Traceback" not in done.stderr


def test_a_corrected_yaml_takes_over_a_folder_without_trials(toy):
    toy.write("toy.py", "import not_there\n" + (toy.path / "toy.py").read_text())
    done = toy.sweep("run", "toy.yaml", "--set", "engine=local")
    assert done.returncode == 2 and "not_there" in done.stderr
    toy.write("toy.py", (toy.path / "toy.py").read_text().removeprefix("import not_there\n"))
    assert toy.sweep("run", "toy.yaml", "--set", "budget.trials=2").returncode == 0


def test_a_script_that_runs_a_sweep_of_its_own_function_is_told_of_main(toy):
    toy.write("toy.py", (toy.path / "toy.py").read_text() + "\nimport sweeps\nsweeps.run('toy.yaml')\n")
    done = subprocess.run(
        [sys.executable, "toy.py"],
        cwd=toy.path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "LockedError" in done.stderr  # inline: it is this very process
    toy.write("toy.yaml", (toy.path / "toy.yaml").read_text().replace("inline", "local"))
    done = subprocess.run([sys.executable, "toy.py"], cwd=toy.path, capture_output=True, text=True)
    assert 'under `if __name__ == "__main__":`' in done.stderr


def test_the_inline_engine_leaves_the_terminal_to_a_debugger(toy):
    """Under a real pseudo-terminal: no live picture over the prompt, and quitting stops the sweep."""
    line = "if trial.number == 1: breakpoint()\n        if trial.config"
    toy.write("toy.py", (toy.path / "toy.py").read_text().replace("if trial.config", line))
    master, slave = pty.openpty()
    streams = {"stdin": slave, "stdout": slave, "stderr": slave}
    driver = subprocess.Popen([sys.executable, "-m", "sweeps", "run", "toy.yaml"], cwd=toy.path, **streams)
    os.close(slave)
    output = _read_until(master, b"(Pdb)")
    os.write(master, b"q\n")
    output += _read_until(master, None)
    assert driver.wait(timeout=30) == 130
    assert b"\x1b[?25l" not in output and b"to go on: sweep resume" in output


def _read_until(terminal, text):
    output = b""
    while text is None or text not in output:
        try:
            output += os.read(terminal, 65536)
        except OSError:  # the other end has closed
            assert text is None, output.decode()
            return output
    return output


def test_a_winner_without_a_model_is_told(toy):
    done = toy.sweep("run", "toy.yaml")
    assert "no model was exported: the trial saved no checkpoint" in done.stderr
    assert "edited" not in done.stderr  # nothing was

"""Every command, typed as a person would: what it prints where, and what it exits with."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time

import jsonschema
import pandas as pd
import pytest
import yaml

from tests.cli.conftest import TOY

ESCAPE = "\x1b"


def test_run_prints_the_table_on_stdout_and_progress_on_stderr(finished):
    again = finished.sweep("run", "toy.yaml")  # finished: nothing runs, the result is shown
    assert again.returncode == 0
    assert "winner: trial" in again.stdout and "accuracy=" in again.stdout
    assert "trial 0 started" not in again.stderr
    assert ESCAPE not in again.stdout + again.stderr
    files = {p.name for p in (finished.path / "results/toy").iterdir()}
    assert files >= {
        "sweep.yaml",
        "resolved.yaml",
        "env.json",
        "study.journal",
        "events.jsonl",
        "trials.parquet",
        "trials.csv",
        "epochs.parquet",
        "trials",
        "best",
    }
    assert (finished.path / "results/toy/sweep.yaml").read_text() == (finished.path / "toy.yaml").read_text()


def test_run_says_one_line_an_event(toy):
    done = toy.sweep("run", "toy.yaml", "--json")
    lines = done.stderr.splitlines()
    assert sum(" started: x=" in line for line in lines) == 5
    assert sum(" COMPLETE (finished) after 3 epoch(s)" in line for line in lines) == 5
    document = json.loads(done.stdout)
    assert (document["version"], document["command"], document["exit_code"]) == (1, "run", 0)
    assert document["states"] == {"COMPLETE": 5}
    assert document["best"]["test"] == {"accuracy": pytest.approx(1 - document["best"]["params"]["x"])}


def test_failed_trials_exit_3_and_are_grouped_by_cause(toy):
    done = toy.sweep("run", "toy.yaml", "--set", "fixed.fatal=0.5", "--set", "engine=local", "--quiet")
    assert done.returncode == 3
    assert "trial(s) failed with error: ValueError: x is too large" in done.stderr
    told = done.stderr.split("x is too large", 1)[1]
    assert 'raise ValueError("x is too large")' in told, "the end of its log"
    assert "sweeps/" not in told.replace("sweeps/toy", ""), "the user's frames only"


def test_equal_failures_in_a_row_exit_6_and_the_sweep_goes_on(toy):
    good = (toy.path / "toy.py").read_text()
    toy.write("toy.py", good.replace("print(", "import no_such_library\n    print(", 1))
    done = toy.sweep("run", "toy.yaml", "--set", "budget.trials=9", "--set", "engine=local")
    assert done.returncode == 6
    assert "stopping: breaker.in_a_row allows fewer than 5 equal failures in a row" in done.stderr
    assert "No module named 'no_such_library'" in done.stderr
    assert "sweep resume results/toy" in done.stderr
    toy.write("toy.py", good)
    done = toy.sweep("resume", "toy")
    assert done.returncode == 3 and "winner: trial" in done.stdout
    rows = pd.read_csv(io.StringIO(toy.sweep("trials", "toy").stdout))
    assert list(rows["state"]).count("FAILED") == 5 and len(rows) == 9


def test_infeasible_trials_are_no_fault(toy):
    raised = "import sweeps\n    if trial.number % 2: raise sweeps.Infeasible('3 heads')\n    print("
    toy.write("toy.py", (toy.path / "toy.py").read_text().replace("print(", raised, 1))
    done = toy.sweep("run", "toy.yaml", "--set", "budget.trials=4")
    assert done.returncode == 0, done.stderr
    assert "2 trial(s) failed with infeasible: Infeasible: 3 heads" in done.stderr


def test_gpu_hours_need_gpus(toy):
    done = toy.sweep("run", "toy.yaml", "--set", "budget.gpu_hours=1")
    assert done.returncode == 2
    assert done.stderr.startswith("sweep: budget.gpu_hours counts the GPUs of trials, and these have none")
    assert not (toy.path / "results").exists()


def test_no_usable_trial_exits_4(toy):
    done = toy.sweep("run", "toy.yaml", "--set", "fixed.fatal=0.0", "--quiet")
    assert done.returncode == 4
    assert "the winner must be a COMPLETE trial, and there is none (5 FAILED)" in done.stderr
    assert not (toy.path / "results/toy/best").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "missing.yaml"], "missing.yaml"),
        (["run", "toy.yaml", "--set", "budget.trials=none"], "budget.trials"),
        (["run", "toy.yaml", "--set", "train=nowhere:train"], "nowhere"),
        (["run", "toy.yaml", "--set", "sampler=tpee"], 'did you mean "tpe"?'),
        (["run", "toy.yaml", "--set", "sampler={name: tpe, startup: 3}"], "n_startup_trials"),
        (["run", "toy.yaml", "--set", "pruner={name: asha, reduction_factor: 1}"], "at least 2"),
        (["resume", "nothing"], "no sweep in this folder"),
        (["show", "nothing"], "no sweep in this folder"),
        (["run"], "Missing argument"),
        (["runn"], "No such command"),
    ],
)
def test_bad_input_exits_2_without_a_traceback_or_a_file(toy, arguments, message):
    done = toy.sweep(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert not (toy.path / "results").exists()


def test_a_changed_spec_is_refused_and_shown(toy):
    toy.sweep("run", "toy.yaml", "--set", "budget.trials=2")
    done = toy.sweep("run", "toy.yaml", "--set", "epochs=4")
    assert done.returncode == 5
    assert "epochs: 3 -> 4" in done.stderr and "budget.trials: 2 -> 5" in done.stderr
    done = toy.sweep("resume", "toy", "--set", "epochs=4")
    assert done.returncode == 5 and "epochs: 3 -> 4" in done.stderr


def test_resume_extends_the_budget_and_keeps_the_trials(toy):
    toy.sweep("run", "toy.yaml", "--set", "budget.trials=2")
    before = pd.read_parquet(toy.path / "results/toy/trials.parquet")
    done = toy.sweep("resume", "toy", "--set", "budget.trials=4", "--json")
    assert done.returncode == 0, done.stderr
    after = pd.read_parquet(toy.path / "results/toy/trials.parquet")
    assert len(after) == 4
    pd.testing.assert_frame_equal(before, after.head(2))
    again = toy.sweep("resume", "toy", "--json")  # the extension is remembered
    assert json.loads(again.stdout)["states"] == {"COMPLETE": 4}


def test_a_new_winner_is_not_tested_without_a_reason(toy):
    toy.write("toy.yaml", (toy.path / "toy.yaml").read_text() + "enqueue: [{x: 0.5}, {x: 0.1}]\n")
    toy.sweep("run", "toy.yaml", "--set", "budget.trials=1")
    done = toy.sweep("resume", "toy", "--set", "budget.trials=2")
    assert done.returncode == 0 and "sweep test" in done.stderr and "--again" in done.stderr
    assert toy.sweep("test", "toy").returncode == 5
    done = toy.sweep("test", "toy", "--again", "the first budget was a trial run", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["test"] == {"accuracy": pytest.approx(0.9)}
    record = json.loads((toy.path / "results/toy/best/test.json").read_text())
    assert record["reason"] == "the first budget was a trial run"
    assert [entry["trial"] for entry in record["history"]] == [0]


def test_a_test_that_fails_has_one_exit_code(toy):
    toy.write("toy.py", TOY.replace('return {"accuracy": 1.0 - trial.config["x"]}', "raise ValueError('no')"))
    for command in (("run", "toy.yaml"), ("resume", "toy"), ("test", "toy")):
        done = toy.sweep(*command)
        assert done.returncode == 3 and "ended with ValueError: no: repair it" in done.stderr


def test_fresh_moves_the_old_folder_aside(toy):
    toy.sweep("run", "toy.yaml", "--set", "budget.trials=1")
    done = toy.sweep("run", "toy.yaml", "--set", "budget.trials=2", "--fresh")
    assert done.returncode == 0
    folders = sorted(p.name for p in (toy.path / "results").iterdir())
    assert folders[0] == "toy" and folders[1].startswith("toy-")


def test_check_prints_the_spec_its_size_and_samples(toy):
    done = toy.sweep("check", "toy.yaml", "--samples", "2", "--import")
    assert done.returncode == 0
    assert yaml.safe_load(done.stdout)["budget"]["trials"] == 5
    assert "# configurations: infinitely many" in done.stdout
    assert done.stdout.count("# sample: x=") == 2
    assert not (toy.path / "results").exists()
    misspelt = toy.sweep("check", "toy.yaml", "--set", "train=toy:trian")
    assert misspelt.returncode == 2 and "did you mean 'train'?" in misspelt.stderr


def test_check_says_what_auto_means(toy):
    auto = ("check", "toy.yaml", "--set", "sampler=auto", "--set", "pruner=auto")
    done = toy.sweep(*auto)
    assert "# sampler: auto means multifidelity\n# pruner: auto means multifidelity\n" in done.stdout
    named = toy.sweep("check", "toy.yaml", "--set", "sampler=qmc", "--set", "pruner=none")
    assert "auto means" not in named.stdout
    several = "metric=[{name: val_loss, goal: minimize}, {name: seconds, goal: minimize}]"
    document = json.loads(toy.sweep(*auto, "--set", several, "--json").stdout)
    assert document["sampler"] == {"name": "tpe"}
    assert document["pruner"]["name"] == "asha" and document["pruner"]["by"] == "hypervolume"


def test_check_import_finds_what_does_not_import(toy):
    toy.write("toy.py", "import not_there\n" + (toy.path / "toy.py").read_text())
    assert toy.sweep("check", "toy.yaml").returncode == 0
    done = toy.sweep("check", "toy.yaml", "--import")
    assert done.returncode == 2
    assert "not_there" in done.stderr


def test_schema_accepts_the_ready_made_files_and_no_misspelt_key(toy):
    schema = json.loads(toy.sweep("schema").stdout)
    document = yaml.safe_load((toy.path / "toy.yaml").read_text())
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "epocs": 3}, schema)


def test_show_ranks_the_trials(finished):
    document = json.loads(finished.sweep("show", "toy", "--json", "--top", "3").stdout)
    values = [row["metric"] for row in document["trials"]]
    assert len(values) == 3 and values == sorted(values)
    assert document["best"]["value"] == values[0]
    text = finished.sweep("show", "results/toy").stdout
    assert "5 complete" in text and ESCAPE not in text


def test_trials_is_csv(finished, tmp_path):
    done = finished.sweep("trials", "toy")
    (tmp_path / "t.csv").write_text(done.stdout)
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table["number"]) == [0, 1, 2, 3, 4]
    assert {"params.x", "last.val_loss", "best.other"} <= set(table.columns)
    assert json.loads(finished.sweep("trials", "toy", "--state", "failed", "--json").stdout)["trials"] == []
    assert finished.sweep("trials", "toy", "--state", "done").returncode == 2


def test_trials_attempts_is_the_time_line(finished, tmp_path):
    (tmp_path / "t.csv").write_text(finished.sweep("trials", "toy", "--attempts").stdout)
    table = pd.read_csv(tmp_path / "t.csv", parse_dates=["started", "ended"])
    assert table[["number", "attempt"]].to_numpy().tolist() == [[number, 1] for number in range(5)]
    assert set(table["worker"]) == {"inline"} and set(table["state"]) == {"COMPLETE"}
    assert (table["ended"] >= table["started"]).all() and str(table["started"].dt.tz) == "UTC"
    document = json.loads(finished.sweep("trials", "toy", "--attempts", "--json").stdout)
    assert document["attempts"][0].keys() == set(table.columns) and document["attempts"][0]["error"] is None
    failed = finished.sweep("trials", "toy", "--attempts", "--state", "failed", "--json")
    assert json.loads(failed.stdout)["attempts"] == []


def test_logs_show_what_a_trial_printed(finished):
    assert "hello from trial 3" in finished.sweep("logs", "toy", "3").stdout
    done = finished.sweep("logs", "toy", "99")
    assert done.returncode == 2 and "trial 99" in done.stderr


def test_export_copies_the_bundle(finished, tmp_path):
    target = tmp_path / "release"
    done = finished.sweep("export", "toy", str(target))
    assert done.returncode == 0 and done.stdout.strip() == str(target)
    assert json.loads((target / "test.json").read_text())["metrics"]["accuracy"] > 0
    assert finished.sweep("export", "toy", str(target)).returncode == 5


def test_a_pipe_that_closes_early_is_no_error(finished):
    command = f"{sys.executable} -m sweeps trials toy | head -n 1"
    done = subprocess.run(command, shell=True, cwd=finished.path, capture_output=True, text=True)
    assert done.stdout.startswith("number,state") and "Traceback" not in done.stderr


@pytest.mark.parametrize(("command", "code"), [("show", 0), ("resume", 3)])
def test_a_reader_that_is_gone_does_not_change_the_exit_code(toy, command, code):
    toy.sweep("run", "toy.yaml", "--set", "fixed.fatal=0.5", "--quiet")
    reader, writer = os.pipe()
    os.close(reader)
    arguments = [sys.executable, "-m", "sweeps", command, "toy"]
    done = subprocess.run(arguments, cwd=toy.path, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == code and "BrokenPipe" not in done.stderr


def test_on_a_terminal_the_picture_is_live_and_leaves_the_table(toy):
    """Under a real pseudo-terminal: escape sequences while it runs, a plain table at the end."""
    slow = (
        (toy.path / "toy.py")
        .read_text()
        .replace("trial.report", "__import__('time').sleep(0.1); trial.report")
    )
    toy.write("toy.py", slow)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sweeps", "run", "toy.yaml", "--set", "engine=local"],
        cwd=toy.path,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(slave)
    output = b""
    begun = time.monotonic()
    while time.monotonic() - begun < 60:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the other end has closed
            break
        output += chunk
    assert process.wait() == 0
    text = output.decode()
    assert "best so far: val_loss" in text and "ETA" in text and ESCAPE in text
    assert "winner: trial" in text

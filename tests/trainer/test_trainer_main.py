from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.__main__ import main

QUICK = ["--set", "model=mlp", "--set", "norm=batch", "--epochs", "2"]


def test_python_m_trainer_trains_and_tests_one_configuration() -> None:
    command = [sys.executable, "-m", "trainer", "--set", "lr=1e-3", *QUICK, "--test"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, best, test = done.stdout.splitlines()
    assert re.fullmatch(
        r"epoch 1/2  train_loss \d\.\d{4}  val_loss \d\.\d{4}  train_accuracy 0\.\d{4}  "
        r"val_accuracy 0\.\d{4}  lr 1\.00e-03  grad_norm \d+\.\d{4}",
        first,
    )
    assert second.startswith("epoch 2/2  ")
    assert re.fullmatch(r"best epoch 2: val_loss \d\.\d{4}  val_accuracy 0\.\d{4}  .*", best)
    assert re.fullmatch(r"test: loss \d\.\d{4}  accuracy 0\.\d{4}  .*samples 359", test)


def test_out_keeps_metrics_and_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--out", str(tmp_path / "out")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert (tmp_path / "out" / "best.pt").is_file()

    with pytest.raises(SystemExit, match="2"):
        main([*QUICK, "--out", str(tmp_path / "out")])
    assert "--out must name a new or empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "lr=0"], "lr must be a number above 0, found 0"),
        (["--set", "lrr=1"], "unknown key lrr: 1; did you mean lr?"),
        (["--set", "nesterov=yes"], "nesterov must be one of true, false, found yes"),
        (
            ["--set", "data=wine"],
            "model: cnn needs images (channels, height, width), and data: wine has rows",
        ),
        (["--set", "model_options.a=1", "--set", "model_options.b.c=x", "--set", "lr=0"], "lr must be"),
        (["--set", "eps=1", "--set", "eps.a=2"], "eps must hold either a value or eps.a, found both"),
        (["--out", __file__], "--out must name a new or empty folder"),
        (["--set", "lr"], "must be KEY=VALUE, found 'lr'"),
        (["--epochs", "0"], "must be a whole number of at least 1, found '0'"),
        (["--seed", "-1"], "must be a whole number of at least 0, found '-1'"),
        (["--device", "cuda:99"], "must be one of cpu"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_the_same_seed_prints_the_same() -> None:
    """In processes of their own, which have imported nothing yet, as on the command line."""
    command = [sys.executable, "-m", "trainer", *QUICK, "--seed"]
    processes = [subprocess.Popen([*command, seed], stdout=subprocess.PIPE, text=True) for seed in "334"]
    outputs = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert outputs[0] == outputs[1] != outputs[2]


def test_out_keeps_the_test_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--set", "mc_dropout=3", "--test", "--out", str(tmp_path / "out")]) == 0
    assert "mc_dropout: passes 3  accuracy 0." in capsys.readouterr().out
    tested = json.loads((tmp_path / "out" / "test.json").read_text())
    assert len(tested["mc_dropout"]["predictive_entropy"]) == tested["samples"] == 359


def test_a_training_without_a_finite_loss_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    wild = ["--set", "optimizer=sgd", "--set", "lr=1e30", "--set", "norm=none", "--set", "clip_norm=null"]
    assert main(["--set", "model=mlp", *wild, "--epochs", "2", "--test"]) == 1
    assert "val_loss was not finite in any epoch" in capsys.readouterr().err

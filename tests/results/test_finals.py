"""The winner is exported, and tested once."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from sweeps.errors import CheckpointError, NoUsableTrialError, RefusedError, SweepError
from sweeps.finals import is_final
from sweeps.results import load


def read(path):
    return json.loads(path.read_bytes())


def test_the_bundle_describes_the_winner_at_its_best_epoch(make_sweep):
    sweep = make_sweep(0.9, 0.4).run()
    winner = sweep.finalise()
    best = sweep.paths.best
    assert (winner.number, winner.epoch, winner.test["accuracy"]) == (1, 2, 102.0)
    assert read(best.config) == {"x": 0.4, "kind": "flat"}
    metrics = read(best.metrics)
    assert (metrics["trial"], metrics["best_epoch"], metrics["sweep"]) == (1, 2, "net")
    assert metrics["objective"] == {"name": "val_loss", "goal": "minimize", "value": pytest.approx(0.2)}
    assert metrics["metrics"] == {"val_loss": pytest.approx(0.2), "accuracy": 0.2}
    assert (metrics["export"], metrics["note"]) == (["model.safetensors"], None)
    assert load_file(best.model)["weight"].tolist() == [[102.0, 102.0]]
    with safe_open(best.model, framework="pt") as file:
        metadata = file.metadata()
    assert metadata.pop("format") == "pt"
    assert metadata == {"sweep": "net", "trial": "1", "epoch": "2", "metric": "val_loss", "goal": "minimize"}
    test = read(best.test)
    assert (test["trial"], test["epoch"], test["reason"], test["history"]) == (1, 2, None, [])
    assert test["metrics"] == {"accuracy": 102.0, "loss": "NaN"}
    assert load(sweep.paths.root).best.test["accuracy"] == 102.0


def test_a_second_test_of_the_same_trial_returns_the_first_result(make_sweep):
    sweep = make_sweep(0.9, 0.4).run()
    assert not is_final(sweep.paths, sweep.spec, sweep.records)
    sweep.finalise()
    before = read(sweep.paths.best.test)
    assert is_final(sweep.paths, sweep.spec, sweep.records)
    assert sweep.finalise().test["accuracy"] == 102.0
    assert sweep.finalise(again="to be sure").test["accuracy"] == 102.0
    assert read(sweep.paths.best.test) == before
    sweep.paths.best.metrics.unlink()  # the bundle can be made again without another test
    assert sweep.finalise().test["accuracy"] == 102.0
    assert sweep.paths.best.metrics.exists()
    assert sweep.tests == [1]


def test_another_trial_is_tested_for_a_reason_only_and_the_reason_is_kept(make_sweep):
    sweep = make_sweep(0.9, 0.4, 0.5).run(1)
    sweep.finalise()
    first = read(sweep.paths.best.test)
    sweep.run(2)
    bundle = {path.name: path.read_bytes() for path in sweep.paths.best.directory.iterdir()}
    with pytest.raises(RefusedError, match=r"trial 0 was.*accuracy 2\.0.*now 1.*--again") as error:
        sweep.finalise()
    assert error.value.exit_code == 5
    assert {path.name: path.read_bytes() for path in sweep.paths.best.directory.iterdir()} == bundle

    assert sweep.finalise(again="longer search").number == 1
    sweep.run(3)
    sweep.finalise(again="longer still")
    record = read(sweep.paths.best.test)
    assert (record["trial"], record["reason"]) == (2, "longer still")
    assert [(entry["trial"], entry["reason"]) for entry in record["history"]] == [
        (0, None),
        (1, "longer search"),
    ]
    assert record["history"][0]["metrics"] == first["metrics"]
    assert load_file(sweep.paths.best.model)["bias"].item() == 202.0
    assert sweep.tests == [0, 1, 2]


def test_a_result_of_the_history_is_taken_up_again_without_another_test(make_sweep):
    sweep = make_sweep(0.9, 0.4).run(1)
    sweep.finalise()
    first = read(sweep.paths.best.test)
    sweep.run(2)
    sweep.finalise(again="longer search")
    second = read(sweep.paths.best.test)
    assert sweep.finalise(only=0).test["accuracy"] == 2.0
    back = read(sweep.paths.best.test)
    assert {**back, "history": []} == first
    assert [entry["trial"] for entry in back["history"]] == [1]
    assert load_file(sweep.paths.best.model)["bias"].item() == 2.0
    sweep.finalise()
    assert read(sweep.paths.best.test) == second
    assert sweep.tests == [0, 1]


def test_the_model_of_an_earlier_winner_does_not_stay_in_the_bundle_of_one_without(make_sweep):
    sweep = make_sweep(0.9, 0.4, test="test_plain").run(1)
    sweep.finalise()
    assert sweep.paths.best.model.exists()
    sweep.run(2)
    for file in sweep.paths.trial(1).directory.glob("best.pt*"):
        file.unlink()
    sweep.finalise(again="more trials")
    assert not sweep.paths.best.model.exists()
    assert read(sweep.paths.best.metrics)["trial"] == 1


def test_an_interrupted_sweep_is_not_tested(make_sweep):
    sweep = make_sweep(0.9).run()
    with pytest.raises(RefusedError, match="interrupted: `sweep resume`"):
        sweep.finalise(interrupted=True)
    assert not sweep.paths.best.directory.exists()


def test_without_a_complete_trial_nothing_is_written(make_sweep):
    sweep = make_sweep(1.0).run()
    with pytest.raises(NoUsableTrialError):
        sweep.finalise()
    assert not sweep.paths.best.directory.exists()


def test_a_test_that_raises_may_be_repeated_for_the_same_trial(make_sweep):
    sweep = make_sweep(0.9, 0.4, test="test_broken").run(1)
    with pytest.raises(SweepError, match=r"test of trial 0 by .*:test_broken.*RuntimeError: no test data"):
        sweep.finalise()
    assert not sweep.paths.best.test.exists()
    assert load(sweep.paths.root).load_model().bias.item() == 2.0  # the export came before it, and stands
    assert read(sweep.paths.best.metrics)["export"] == ["model.safetensors"]
    (sweep.root / "repaired").touch()
    assert sweep.finalise().test == {"accuracy": 1.0}
    assert read(sweep.paths.best.test)["history"] == []
    assert sweep.tests == [0, 0]


def test_a_test_that_was_killed_may_be_repeated_for_the_same_trial_and_for_no_other(make_sweep, request):
    sweep = make_sweep(0.9, 0.4, test="test_killed").run(1)
    code = f"""
        import sys; sys.path[:0] = {[str(request.config.rootpath), str(request.path.parent)]!r}
        from pathlib import Path
        from conftest import Sweep
        sweep = object.__new__(Sweep)
        from sweeps.paths import RunPaths
        from sweeps.spec import load_spec
        sweep.root, sweep.paths = Path({str(sweep.root)!r}), RunPaths(Path({str(sweep.paths.root)!r}))
        sweep.spec = load_spec(Path({str(sweep.yaml)!r}))
        sweep.finalise()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not sweep.paths.best.test.exists()

    (sweep.root / "repaired").touch()
    sweep.run(2)
    with pytest.raises(RefusedError, match=r"trial 0 was.*\(no result\).*now 1"):
        sweep.finalise()
    assert sweep.finalise(again="killed by hand").number == 1
    (entry,) = read(sweep.paths.best.test)["history"]
    assert (entry["trial"], entry["metrics"]) == (0, None)


def test_a_killed_test_is_repeated_without_a_reason(make_sweep):
    sweep = make_sweep(0.9, test="test_broken").run()
    with pytest.raises(SweepError):
        sweep.finalise()
    before = read(sweep.paths.best.directory / "selection.json")
    (sweep.root / "repaired").touch()
    sweep.finalise()
    assert read(sweep.paths.best.directory / "selection.json") == before


def test_a_damaged_checkpoint_is_an_error_every_time(make_sweep):
    sweep = make_sweep(0.9, test="None").run()
    checkpoint = sweep.paths.trial(0).best
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"damaged.*trial 0 cannot be exported or tested without"):
            sweep.finalise()
    assert not is_final(sweep.paths, sweep.spec, sweep.records)


def test_a_test_must_return_numbers_by_name(make_sweep):
    sweep = make_sweep(0.9, test="test_list").run()
    with pytest.raises(SweepError, match=r"dict of numbers.*it returned \[0\.5\]"):
        sweep.finalise()


def test_a_sweep_without_a_test_is_exported_only(make_sweep):
    sweep = make_sweep(0.9, 0.4, test="None").run(1)
    assert sweep.finalise().test is None
    sweep.run(2)
    assert sweep.finalise().number == 1
    assert load_file(sweep.paths.best.model)["bias"].item() == 102.0
    assert is_final(sweep.paths, sweep.spec, sweep.records)
    assert not sweep.paths.best.test.exists()


@pytest.mark.parametrize(
    ("train", "weights"),
    [("train_net", {"weight": 2.0, "bias": 2.0}), ("train_tied", {"a.weight": 1.0, "b.weight": 1.0})],
)
def test_the_only_module_is_the_model_and_weights_may_be_tied(make_sweep, train, weights):
    sweep = make_sweep(0.3, train=train, test="test_plain").run()
    sweep.finalise()
    found = load_file(sweep.paths.best.model)
    assert {name: found[name].mean().item() for name in weights} == weights


@pytest.mark.parametrize(
    ("train", "note"), [("train_plain", "saved no checkpoint"), ("train_two", "found encoder, decoder")]
)
def test_a_trial_without_a_model_is_tested_and_says_why_there_is_none(make_sweep, train, note):
    sweep = make_sweep(0.5, train=train, test="test_plain").run()
    assert sweep.finalise().test == {"accuracy": 0.5}
    metrics = read(sweep.paths.best.metrics)
    assert metrics["export"] == []
    assert note in metrics["note"]
    assert not os.path.lexists(sweep.paths.best.model)


def test_a_test_may_return_more_than_numbers(make_sweep):
    sweep = make_sweep(0.9, 0.4, test="test_nested").run()
    test = sweep.finalise(only=0).test
    assert {name: test[name] for name in ("accuracy", "samples", "loss", "confusion")} == {
        "accuracy": 0.5, "samples": 3, "loss": math.inf, "confusion": [[1, 0], [1, 1]],
    }  # fmt: skip
    first, second, third = test["mc_dropout"].pop("entropy")
    assert (first, math.isnan(second), third) == (0.1, True, None)
    assert test["mc_dropout"] == {"passes": 2, "kind": "dropout"}
    written = read(sweep.paths.best.test)["metrics"]
    assert (written["loss"], written["mc_dropout"]["entropy"]) == ("Infinity", [0.1, "NaN", None])

    refusal = r"\(accuracy 0\.5, samples 3, loss Infinity\), and the best trial is now 1"
    with pytest.raises(RefusedError, match=refusal):
        sweep.finalise()
    sweep.finalise(again="a better one")
    (entry,) = read(sweep.paths.best.test)["history"]
    assert (entry["trial"], entry["metrics"]) == (0, written)

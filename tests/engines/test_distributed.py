"""Trials of several ranks on this machine: real processes, joined by gloo."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import replace

import pytest
import torch

from sweeps.controller import EpochReported
from sweeps.engines import Job, create_engine
from sweeps.engines.local.engine import LocalEngine
from sweeps.engines.slots import Slot
from sweeps.errors import TargetError
from sweeps.export import read_model
from sweeps.messages import TrialSpec
from tests.engines.harness import MARK, Sweep, marked_processes, states, survivors

FINISHED = ("COMPLETE", "finished")
PAIR = Slot("pair", "cpu", 2, "")
TWO = {"name": "ddp", "ranks": 2}


@pytest.fixture
def mark(monkeypatch):
    """What marks this test's processes."""
    text = uuid.uuid4().hex
    monkeypatch.setenv(MARK, text)
    return text


@pytest.fixture
def run(tmp_path, mark):
    """Run a sweep of one function in two ranks; in the end nothing it started may be alive."""
    engines = {}  # by function: an engine takes a second or two to import torch

    def run(function, folder="sweep", watch=lambda controller, event: None, slots=(PAIR,), **keys):
        given = {"distributed": TWO, "budget": {"trials": 2}, **keys}
        sweep = Sweep(tmp_path / folder, f"distributed_functions:{function}", **given)
        if function not in engines:
            # A rank's first optimiser would import the second.
            preload = ("torch", "torch._dynamo")[: 2 if function in ("trains", "draws") else 1]
            engines[function] = LocalEngine(sweep.settings, preload, slots)
        return sweep, sweep.run(engines[function], watch)

    run.engines = engines
    yield run
    for engine in engines.values():
        engine.close()
    assert survivors(mark) == {}


def curves(records):
    return [(record.state, record.params, record.values) for record in records]


def rank_log(sweep, number, rank):
    return sweep.paths.trial(number).rank_log(rank).read_text()


def test_two_ranks_train_as_one_process_with_the_doubled_batch(run, tmp_path):
    """The mean of two half batches is that of the whole one, but for the order of float32 sums: 1e-6."""
    _, two = run("trains", "two", epochs=6)
    sweep = Sweep(tmp_path / "one", "distributed_functions:trains", epochs=6, budget={"trials": 2})
    one = sweep.run(create_engine("inline", sweep.settings))
    assert states(two) == states(one) == [FINISHED] * 2
    for ranks, alone in zip(two, one, strict=True):
        assert len(ranks.values) == 6
        assert ranks.values == pytest.approx(alone.values, rel=1e-6)


def test_a_rank_knows_its_place_and_workers_stay_warm(run):
    sweep, records = run("told", epochs=1, slots=(Slot("four", "cpu", 4, ""),))
    assert states(records) == [FINISHED] * 2
    first, second = (sweep.metrics(number)[0]["metrics"] for number in (0, 1))
    for row in (first, second):
        for rank in (0, 1):
            assert [row[f"{name}.{rank}"] for name in ("rank", "local", "trial_rank")] == [rank] * 3
            assert [row[f"{name}.{rank}"] for name in ("size", "local_size", "world")] == [2] * 3
            assert (row[f"threads.{rank}"], row[f"cpu.{rank}"], row[f"address.{rank}"]) == (2, 1, 1)
        assert (row["seed.0"], row["seed.1"]) == (1, 0)
    assert [first["pid.0"], first["pid.1"]] == [second["pid.0"], second["pid.1"]]
    assert rank_log(sweep, 0, 0) == "rank 0 speaks\n"
    assert rank_log(sweep, 1, 1) == "rank 1 speaks\n"


def test_all_ranks_get_the_same_answer(run):
    pruner = {"name": "threshold", "upper": 0.5}
    for keys, state, end in [
        ({"pruner": pruner}, "PRUNED", "stopped after 1: threshold"),
        ({"early_stopping": {"patience": 2}}, "COMPLETE", "stopped after 4: early_stopping"),
    ]:
        sweep, records = run("falls", state, epochs=9, **keys)
        assert [record.state for record in records] == [state] * 2
        for number in (0, 1):
            assert [rank_log(sweep, number, rank) for rank in (0, 1)] == [f"{end}\n"] * 2


def test_an_interrupted_trial_goes_on_as_if_it_had_not_been(run, tmp_path):
    def interrupt(controller, event):
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (0, 2):
            controller.interrupt()

    _, cut = run("draws", "parts", interrupt, seed=3)
    assert states(cut) == [("INTERRUPTED", "interrupted")]
    assert cut[0].epochs < 4
    sweep, resumed = run("draws", "parts", seed=3)
    assert [row["attempt"] for row in sweep.metrics(0)] == [1] * cut[0].epochs + [2] * (4 - cut[0].epochs)
    _, whole = run("draws", "whole", seed=3)
    assert states(resumed) == [FINISHED] * 2
    assert curves(resumed) == curves(whole)
    # A rank that is killed between two reports: the trial goes on from its last whole epoch.
    _, retried = run("draws", "retried", seed=3, fixed={"dies": True}, retries={"crash": 1})
    assert [record.attempt for record in retried] == [2, 2]
    assert [record.values for record in retried] == [record.values for record in whole]


def test_the_failure_of_a_rank_ends_the_trial_at_once(run, mark):
    left = []

    def look(controller, event):
        if isinstance(event, EpochReported) and event.number == 1:
            left.append(any("sleep" in command for command in marked_processes(mark).values()))

    for end, reason, error in [
        ("raises", "error", "ValueError: the second half is bad (rank 1)"),
        ("dies", "crash", "killed by SIGKILL (rank 1)"),
        ("kills the leader", "crash", "killed by SIGKILL"),
    ]:
        sweep, records = run("fails_in_rank_one", end, look, retries={"crash": 0}, fixed={"end": end})
        assert states(records) == [("FAILED", reason), FINISHED]
        assert records[0].error == error
        assert records[0].seconds < 3
        assert ("raise ValueError" in sweep.log(0)) == (end == "raises")
        assert ("log.rank1.txt" in sweep.log(0)) == ("(rank 1)" in error)
    assert left == [False] * 6


def test_ranks_that_part_are_told_so(run):
    _, records = run("parts", budget={"trials": 3})
    assert states(records) == [("FAILED", "error"), ("FAILED", "error"), FINISHED]
    assert records[0].error == (
        "TrialError: all ranks must come to the same points of a trial in the same order: "
        "rank 0 waits in the report of epoch 1, rank 1 waits in the report of epoch 2"
    )
    assert "rank 0 has returned from the training function, and rank 1 waits for it" in records[1].error


def test_a_rank_that_hangs_is_late_and_leaves_its_stack(run):
    sweep, records = run("hangs_in_rank_one", budget={"trials": 1}, timeout={"report": 0.5})
    assert (states(records), records[0].error) == ([("FAILED", "hang")], "no report for 0.5 s")
    assert "in barrier" in rank_log(sweep, 0, 0)
    assert "in hangs_in_rank_one" in rank_log(sweep, 0, 1)


def test_two_distributed_trials_at_once_do_not_meet(run):
    sweep, records = run("told", slots=(PAIR, replace(PAIR, name="other")), epochs=1, budget={"trials": 8})
    assert states(records) == [FINISHED] * 8
    ports = {sweep.metrics(number)[0]["metrics"]["port.1"] for number in range(8)}
    assert len(ports) == 2


def test_kill_leaves_nothing_behind(tmp_path, mark):
    sweep = Sweep(tmp_path, "distributed_functions:hangs_in_rank_one", distributed=TWO)
    engine = LocalEngine(sweep.settings, slots=(PAIR,))

    def kill(controller, event):
        if isinstance(event, EpochReported):
            controller.interrupt()
            engine.kill()

    began = time.monotonic()
    assert {record.state for record in sweep.run(engine, kill)} == {"INTERRUPTED"}
    assert time.monotonic() - began < 6
    engine.close()
    assert survivors(mark) == {}


def test_a_function_that_cannot_be_imported_spends_no_trial(run, tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "deadly.py").write_text(
        "import os\nif os.environ['RANK'] == '1': print('about to go', flush=True); os._exit(4)\n"
        "def train(trial): pass\n"
    )
    with pytest.raises(TargetError, match=r"about to go\nexited with code 4 \(rank 1\)"):
        run("deadly", train="deadly:train")
    with pytest.raises(TargetError, match="has no function 'tains'; did you mean 'trains'"):
        run("tains")


def test_the_winner_is_a_bare_model_in_one_process(run, tmp_path):
    sweep, _ = run("trains", budget={"trials": 1})
    spec = TrialSpec(0, 1, {"x": 0.5}, 5, 4, "val_loss", "minimize", sweep.paths.trial(0).directory)
    (tmp_path / "best").mkdir()
    job = Job(spec, "distributed_functions:measure", tmp_path / "best", ("safetensors",))
    result = run.engines["trains"].call(job)
    weights, _ = read_model(tmp_path / "best" / "model.safetensors")
    assert set(weights) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    total = sum(value.sum().item() for value in weights.values())
    assert result.value["test"] == {"weight": pytest.approx(total), "ranks": 1}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_ranks_on_gpus_are_joined_by_nccl(tmp_path, mark):
    gpus = torch.cuda.device_count()
    sweep = Sweep(
        tmp_path, "distributed_functions:trains_on_its_gpu", distributed="ddp", resources={"gpus": gpus}
    )
    visible = ",".join(map(str, range(gpus)))
    engine = LocalEngine(sweep.settings, slots=[Slot("gpu", "cuda:0", gpus, visible)])
    records = sweep.run(engine)
    engine.close()
    assert states(records) == [FINISHED] * 3, [record.error for record in records]
    assert sweep.metrics(0)[0]["metrics"]["size"] == gpus
    assert os.environ.get("RANK") is None and survivors(mark) == {}

"""The journal as an attacker would write it: refused by every command, with no traceback, and soon."""

from __future__ import annotations

import json
import time

import pytest

from tests.attacks.payloads import pickled

_CREATE_STUDY, _STUDY_ATTRIBUTE, _CREATE_TRIAL, _STATE, _EPOCH, _ATTRIBUTE = 0, 2, 4, 6, 7, 8
COMMANDS = (("show", "victim"), ("trials", "victim", "--json"), ("logs", "victim", "0"), ("verify", "victim"))


def lines(victim):
    return [json.loads(line) for line in victim.paths.journal.read_bytes().splitlines()]


def write(victim, records):
    victim.paths.journal.write_text("".join(json.dumps(record) + "\n" for record in records))


def refused(victim):
    """What is said of a study that nobody reads on with."""
    *reading, verify = victim.survives(COMMANDS)
    assert {ended.code for ended in reading} == {5} and verify.code == 7, [e.out + e.err for e in reading]
    resume = victim.sweep("resume", "victim", "--set", "budget.trials=5")
    assert resume.code == 5, resume.err
    assert victim.contents()
    return reading[0].err


def edited(victim, op, change):
    """The journal with ``change`` made to its last record of this kind."""
    records = lines(victim)
    change(next(record for record in reversed(records) if record["op_code"] == op))
    write(victim, records)


ATTRIBUTES = {
    "state": ["DONE", None, 3, [], {"a": 1}, "=cmd|'/c calc'!A1"],
    "attempt": ["1", 0, -1, 1.5, None, True, [1], 10**30],
    "worker": [None, 7, ["w"]],
    "started": ["now", None, -1, 1e300, [1]],
    "seconds": ["1", None, -5.0, {}, 1e300],
    "stop_reason": [3, ["finished"], {}],
    "error": [3, ["e"], {}],
    "failures": [None, [], "none", {"error": -1}, {"error": "1"}],
    "epochs": ["2", -1, None, 2.5, [2]],
}


@pytest.mark.parametrize("key", ATTRIBUTES)
def test_a_trial_whose_fields_are_of_other_types_is_refused(victim, key):
    whole = lines(victim)
    for value in ATTRIBUTES[key]:
        write(victim, whole)
        edited(
            victim, _ATTRIBUTE, lambda record, value=value: record["user_attr"]["sweeps"].update({key: value})
        )
        reading = victim.survives((("show", "victim"),))[0]
        assert reading.code == 5 and f"{key} must be" in reading.err, value
    refused(victim)


@pytest.mark.parametrize(
    "params",
    [[1], "x", None, {"x": [0.5]}, {"x": {"a": 1}}, {"x": 1e999}, {"x": 10**30}, {"x": "text", "kind": 3}],
)
def test_parameters_of_other_types_are_refused(victim, params):
    edited(victim, _CREATE_TRIAL, lambda record: record["user_attrs"].update(params=params))
    victim.paths.trials_parquet.unlink()
    victim.survives()
    shown = victim.sweep("show", "victim")
    assert shown.code == 5 and "restore" in shown.err


@pytest.mark.parametrize(
    ("op", "change"),
    [
        (_EPOCH, {"step": -3}),
        (_EPOCH, {"step": "one"}),
        (_EPOCH, {"intermediate_value": "low"}),
        (_EPOCH, {"intermediate_value": None}),
        (_EPOCH, {"trial_id": 77}),
        (_EPOCH, {"trial_id": "0"}),
        (_STATE, {"state": 99}),
        (_STATE, {"values": "best"}),
        (_STATE, {"datetime_complete": "yesterday"}),
        (_CREATE_TRIAL, {"distributions": {"x": "{}"}}),
        (_CREATE_TRIAL, {"distributions": 3}),
        (_CREATE_TRIAL, {"study_id": -1}),
        (_CREATE_TRIAL, {"user_attrs": []}),
        (_CREATE_TRIAL, {"intermediate_values": {"a": 1.0}}),
        (_CREATE_STUDY, {"directions": [9]}),
        (_CREATE_STUDY, {"study_name": "../../x"}),
        (_STUDY_ATTRIBUTE, {"user_attr": {"sweeps": []}}),
        (_STUDY_ATTRIBUTE, {"user_attr": {"sweeps": {"version": "1"}}}),
        (_STUDY_ATTRIBUTE, {"user_attr": {"sweeps": {"version": 1, "elapsed": "long"}}}),
        (_STUDY_ATTRIBUTE, {"user_attr": {"sweeps": {"version": 1, "elapsed": -1.0}}}),
        (_STUDY_ATTRIBUTE, {"user_attr": {"generation.x": {}}}),
        (_STUDY_ATTRIBUTE, {"user_attr": {"generation.5": {"members": [-1], "exploits": []}}}),
        (_STUDY_ATTRIBUTE, {"user_attr": {"generation.5": {"members": [999], "exploits": []}}}),
        (_STUDY_ATTRIBUTE, {"user_attr": {"generation.5": {"members": [], "exploits": [{"trial": "0"}]}}}),
        (_STATE, {"op_code": 55}),
        (_STATE, {"op_code": "6"}),
        (_STATE, {"op_code": [6]}),
    ],
)
def test_a_record_that_optuna_trips_over_is_refused(victim, op, change):
    edited(victim, op, lambda record: record.update(change))
    reading = victim.survives((("show", "victim"), ("verify", "victim")))
    assert [ended.code for ended in reading] == [5, 7] or _left_out(victim, reading), reading


def _left_out(victim, reading):
    """Optuna passes over a record of a trial or study that is not there; ours then counts as unfinished."""
    return reading[0].code == 0 and victim.sweep("show", "victim", "--json").code == 0


@pytest.mark.parametrize(
    "line",
    [
        b'{"op_code": 8, "a": ' + b"[" * 100_000,
        b'{"op_code": 8, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"op_code": 7, "trial_id": 0, "step": 1, "worker_id": "w", "intermediate_value": NaN}',
        b'{"op_code": 7, "trial_id": 0, "step": 1, "worker_id": "w", "intermediate_value": -Infinity}',
        b'{"op_code": ' + b"9" * 100_000 + b"}",
        b'"text"',
        b"[]",
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_a_line_that_is_no_record_is_refused_by_its_number(victim, line):
    content = victim.paths.journal.read_bytes().splitlines(keepends=True)
    victim.paths.journal.write_bytes(b"".join([*content[:3], line + b"\n", *content[3:]]))
    assert "study.journal:4: not a journal record" in refused(victim)


def test_a_line_without_end_costs_neither_memory_nor_time(victim):
    with open(victim.paths.journal, "r+b") as file:
        file.truncate(1 << 32)  # a hole: nothing is on the disk
    begun = time.process_time()
    assert victim.sweep("show", "victim").code == 5
    assert time.process_time() - begun < 3


def test_epochs_of_other_types_are_left_out(victim):
    """metrics.jsonl, facts.json and events.jsonl are no study: what no sweep writes is passed over."""
    row = json.loads(victim.paths.trial(0).metrics.read_bytes().splitlines()[0])
    changes = [
        {"epoch": -3}, {"epoch": "1"}, {"epoch": 10**30}, {"attempt": None}, {"time": "now"}, {"time": 1e300},
        {"metrics": []}, {"metrics": {"val_loss": "low"}}, {"metrics": {"val_loss": [1]}},
        {"metrics": {"": 1.0}},
    ]  # fmt: skip
    odd = "".join(json.dumps(row | change) + "\n" for change in changes)
    with open(victim.paths.trial(0).metrics, "a") as file:
        file.write(odd + "[" * 100_000 + "\n" + "9" * 100_000 + "\n" + '{"metrics": NaN}\n')
    odd_facts = {"deep": [[1]], "wide": "x" * 10_000, "big": 10**40, "": 1, "none": None}
    victim.paths.trial(0).facts.write_text(json.dumps({"good": 1, **odd_facts}))
    with open(victim.paths.events, "a") as file:
        started = {"event": "TrialStarted", "number": 0, "attempt": 1, "time": 1.0}
        for change in (
            {"number": "0"},
            {"number": -1},
            {"attempt": []},
            {"time": "x"},
            {"time": 1e300},
            {"event": 3},
        ):
            file.write(json.dumps(started | change) + "\n")
        file.write(
            json.dumps({"event": "TrialEnded", "number": [0], "attempt": 1, "attempt_state": "x"}) + "\n"
        )
        file.write("[" * 100_000 + "\n")
    for table in (victim.paths.trials_parquet, victim.paths.epochs_parquet):
        table.unlink()
    assert [ended.code for ended in victim.survives()[:6]] == [0] * 6
    trials = json.loads(victim.sweep("trials", "victim", "--json").out)["trials"]
    assert [key for key in trials[0] if key.startswith("info.")] == ["info.good", "info.note", "info.weights"]


def test_a_samplers_pickle_in_the_journal_is_never_read(victim):
    """As Optuna's CMA-ES keeps it, and reads it; and our own form of it, forged."""
    spec = victim.paths.resolved_yaml
    spec.write_text(
        spec.read_text().replace("name: auto", "name: cmaes", 1).replace("sampler: auto", "sampler: cmaes")
    )
    assert "cmaes" in spec.read_text()
    pickle = {f"{prefix}:optimizer:0": pickled(victim.canary).hex() for prefix in ("cma", "sepcma", "cmawm")}
    forged = [
        {}, [], "x", {"class": "Popen", "attributes": {}}, {"class": "CMA", "attributes": []},
        {"class": "CMA", "attributes": {"_c_1d": {"float64": [10**9], "bytes": "AAAA"}}},
        {"class": "CMA", "attributes": {"_rng": {"class": "CMA", "attributes": {}}}},
        {"class": "CMAwM", "attributes": {"ask": 3, "_n_max_resampling": 10**12}},
    ]  # fmt: skip
    whole = lines(victim)
    created = [record for record in whole if record["op_code"] == _CREATE_TRIAL]
    for record in created:
        record["system_attrs"].update(pickle)
    write(victim, whole)
    victim.survives()
    assert victim.sweep("resume", "victim", "--set", "budget.trials=6").code == 3
    assert not victim.canary.exists()
    for state in forged:
        created[0]["system_attrs"] = {**pickle, "cma:state": state}
        write(victim, whole)
        victim.paths.events.unlink(missing_ok=True)  # it knows of trials that this journal has not
        ended = victim.sweep("resume", "victim", "--set", "budget.trials=7")
        assert ended.code == 5 and "the state of CMA-ES must be" in ended.err, state
        assert not victim.canary.exists()

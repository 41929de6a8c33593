"""What a training function may note about its trial, and the file that keeps it."""

from __future__ import annotations

import json
from enum import StrEnum

import numpy as np
import pytest
import torch

from sweeps.errors import TrialError
from sweeps.trial import Trial
from sweeps.trial.facts import read_facts
from tests.trial.helpers import Recorder, make_spec


class Split(StrEnum):
    FIRST = "a1b2"


def test_numbers_booleans_and_strings_are_kept_as_they_are(tmp_path):
    trial = Trial(make_spec(tmp_path), Recorder())
    trial.record(parameters=np.int64(650), ratio=torch.tensor([0.5]), fast=np.bool_(True), split=Split.FIRST)
    trial.record(ratio=1e30, odd="\ud800")
    expected = {"parameters": 650, "ratio": 1e30, "fast": True, "split": "a1b2", "odd": "\\ud800"}
    found = json.loads((tmp_path / "facts.json").read_text())
    assert found == expected == read_facts(tmp_path / "facts.json")
    assert [type(value) for value in found.values()] == [int, float, bool, str, str]
    assert [path.name for path in tmp_path.iterdir()] == ["facts.json"]


def test_a_further_attempt_begins_anew(tmp_path):
    Trial(make_spec(tmp_path), Recorder()).record(parameters=1, split="old")
    again = Trial(make_spec(tmp_path, attempt=2), Recorder())
    assert read_facts(tmp_path / "facts.json") == {"parameters": 1, "split": "old"}
    again.record(parameters=2)
    assert read_facts(tmp_path / "facts.json") == {"parameters": 2}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (float("nan"), "found float nan"),
        (torch.zeros(2, 3), r"found Tensor of shape \(2, 3\)"),
        (None, "found NoneType None"),
        (2**63, "found int 9223372036854775808"),
        ([1], r"found list \[1\]"),
        ("x" * 201, "found 201 characters"),
    ],
)
def test_anything_else_is_refused(tmp_path, value, found):
    trial = Trial(make_spec(tmp_path), Recorder())
    rule = "fact 'size' must be a finite number, a boolean or a string of at most 200 characters, "
    with pytest.raises(TrialError, match=rule + found):
        trial.record(good=1, size=value)
    assert not (tmp_path / "facts.json").exists()


def test_a_fact_has_a_name(tmp_path):
    with pytest.raises(TrialError, match="name must be a non-empty string, found ''"):
        Trial(make_spec(tmp_path), Recorder()).record(**{"": 1})


def test_a_test_function_cannot_record(tmp_path):
    with pytest.raises(TrialError, match="a test function cannot record"):
        Trial(make_spec(tmp_path)).record(parameters=1)


@pytest.mark.parametrize("content", [b"", b'{"parameters": 1', b"[1]", b"\xff"])
def test_a_file_that_a_power_cut_left_says_nothing(tmp_path, content):
    (tmp_path / "facts.json").write_bytes(content)
    assert read_facts(tmp_path / "facts.json") == {}

"""What a test function may return."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from sweeps.errors import TrialError
from sweeps.trial import outcome


def test_json_data_is_taken_with_numbers_of_every_kind():
    given = {
        "accuracy": torch.tensor(0.5),
        "samples": np.int64(360),
        "calibrated": np.bool_(True),
        "loss": float("nan"),
        "confusion": [[3, np.int64(1)], (0, 5)],
        "mc_dropout": {"passes": 20, "entropy": [np.float32(0.25), 1], "note": None},
        "split": "a1b2",
    }
    found = outcome.test_result(given)
    assert math.isnan(found.pop("loss"))
    expected = {
        "accuracy": 0.5,
        "samples": 360,
        "calibrated": True,
        "confusion": [[3, 1], [0, 5]],
        "mc_dropout": {"passes": 20, "entropy": [0.25, 1], "note": None},
        "split": "a1b2",
    }
    assert found == expected
    assert json.dumps(found) == json.dumps(expected)  # whole numbers and booleans as such


@pytest.mark.parametrize("result", [None, {}, [0.5], 0.5, {"note": "done"}, {"rows": [1, 2]}])
def test_at_least_one_number_stands_at_the_top(result):
    with pytest.raises(TrialError, match=r"dict of numbers.*; it returned "):
        outcome.test_result(result)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"x": torch.zeros(2, 3)}, r"'x' of the test's result.* found Tensor of shape \(2, 3\).*tolist"),
        ({"a": {"b": [1, {2}]}}, r"'a.b\[1\]' of the test's result.* found set \{2\}"),
        ({"when": 1j}, "'when' of the test's result"),
        ({"a": {3: 1.0}}, "names in a test's result must be non-empty strings, found 3 of 'a'"),
        ({"": 1.0}, "names in a test's result must be non-empty strings, found '': "),
    ],
)  # fmt: skip
def test_what_json_cannot_hold_is_refused(more, message):
    with pytest.raises(TrialError, match=message):
        outcome.test_result({"accuracy": 0.5, **more})

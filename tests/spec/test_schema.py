"""The editor schema accepts what loads and refuses what a schema can refuse."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from sweeps.spec import json_schema
from tests.spec.helpers import SMALL, load
from tests.spec.test_load import FULL

DDP = "distributed: {name: ddp, ranks: 2}\n"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def errors(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(yaml.safe_load(text.replace("1e-", "1.0e-")))]


def test_is_itself_sound():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        FULL,
        SMALL + "breaker: null\n",
        SMALL + "pruner: null\nsampler: auto\nexport: [safetensors]\ndistributed: {name: ddp, ranks: 2}\n",
    ],
)
def test_accepts_what_loads(tmp_path, text):
    assert errors(text) == []
    assert errors(load(tmp_path, text).resolved().replace("e-0", "e-")) == []


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("epoch: 3", "$"),
        ("seed: -1", "$.seed"),
        ("engine: slurm", "$.engine"),
        ("resources: {memory: much}", "$.resources.memory"),
        ("resources: {custom: {tpu: 0}}", "$.resources.custom.tpu"),
        ("workers: many", "$.workers"),
        ("distributed: fsdp", "$.distributed"),
        ("metric: val_loss", "$.metric"),
        ("timeout: {trial: soon}", "$.timeout.trial"),
        ("sampler: {seed: 3}", "$.sampler"),
        ("storage: mysql://x", "$.storage"),
        ("fixed: {x: [1]}", "$.fixed.x"),
        ("constraints: a < b", "$.constraints"),
        ("enqueue: {lr: 1}", "$.enqueue"),
    ],
)
def test_refuses(more, path):
    assert errors(f"{SMALL}{more}\n") == [path]


@pytest.mark.parametrize(
    "parameter",
    [
        "3",
        "[1, 2]",
        "{min: 1}",
        "{min: 1, max: 2, values: [1]}",
        "{values: []}",
        "{values: [[1]]}",
        "{vals: [1]}",
    ],
)
def test_refuses_parameters(parameter):
    assert errors(f"{SMALL}  x: {parameter}\n") == ["$.parameters.x"]


def test_requires_what_has_no_default():
    assert len(errors("{}")) == len({"version", "name", "train", "epochs", "parameters"})


def test_every_key_is_described():
    for name, schema in json_schema()["properties"].items():
        assert schema.get("description"), name

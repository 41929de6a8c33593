"""The JSON schema of the file, for completion and checks in editors."""

from __future__ import annotations

from typing import Any

from sweeps.spec.components import KINDS
from sweeps.spec.metric import MOST_METRICS
from sweeps.spec.model import Settings

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_NAMES: dict[str, Any] = {"pattern": r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"}
_NESTED: dict[str, Any] = {
    "type": "object",
    "propertyNames": _NAMES,
    "additionalProperties": {"anyOf": [_SCALAR, {"$ref": "#/$defs/Values"}]},
}
_WHEN: dict[str, Any] = {
    "type": "object",
    "description": "active only where all these parameters have these values",
    "minProperties": 1,
    "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]},
}
_RANGE: dict[str, Any] = {
    "type": "object",
    "description": "integers where min and max are, else floats",
    "properties": {
        "min": {"type": "number"},
        "max": {"type": "number"},
        "log": {"type": "boolean", "description": "drawn evenly over orders of magnitude"},
        "step": {"type": "number", "exclusiveMinimum": 0},
        "when": _WHEN,
    },
    "required": ["min", "max"],
    "additionalProperties": False,
}
_CHOICE: dict[str, Any] = {
    "type": "object",
    "description": 'one of these values; 1, 1.0, true and "1" differ',
    "properties": {"values": {"type": "array", "items": _SCALAR, "minItems": 1}, "when": _WHEN},
    "required": ["values"],
    "additionalProperties": False,
}
_GROUP: dict[str, Any] = {
    "type": "object",
    "description": "parameters with a common first name",
    "properties": {"parameters": {"$ref": "#/$defs/Parameters"}, "when": _WHEN},
    "required": ["parameters"],
    "additionalProperties": False,
}
_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "propertyNames": _NAMES,
    "minProperties": 1,
    "additionalProperties": {"anyOf": [_RANGE, _CHOICE, _GROUP]},
}

_SEVERAL: dict[str, Any] = {
    "type": "array",
    "description": "several objectives, the leading one first; a bare name is minimized",
    "minItems": 2,
    "maxItems": MOST_METRICS,
    "items": {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/Metric"}]},
}


def json_schema() -> dict[str, Any]:
    """A JSON schema (draft 2020-12) of what `load_spec` accepts, as far as a schema can say it."""
    schema = Settings.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Sweep"
    schema["description"] = "A hyperparameter sweep: what is trained, what is searched, and when it ends."
    schema["$defs"] |= {"Values": _NESTED, "Parameters": _PARAMETERS}
    schema["properties"] |= {
        "fixed": {**_NESTED, "type": ["object", "null"], "description": "values that every trial has"},
        "parameters": {"$ref": "#/$defs/Parameters", "description": "what is searched"},
        "constraints": {
            "type": ["array", "null"],
            "items": {"type": "string", "maxLength": 500},
            "description": "what has to hold, such as batch_size * width <= 4096",
        },
        "enqueue": {
            "type": ["array", "null"],
            "items": {"$ref": "#/$defs/Values"},
            "description": "configurations to run first",
        },
    }
    metric = schema["properties"]["metric"]
    metric["anyOf"] = [{"$ref": metric.pop("$ref")}, _SEVERAL]
    schema["properties"]["distributed"]["anyOf"].append({"const": "ddp"})
    breaker = schema["properties"]["breaker"]
    breaker["anyOf"] = [{"$ref": breaker.pop("$ref")}, {"type": "null"}]
    for kind in KINDS:
        schema["properties"][kind]["default"] = "auto"
    schema["required"] = [*schema["required"], "parameters"]
    return schema

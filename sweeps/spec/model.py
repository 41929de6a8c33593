"""The plain keys of a sweep, each with its type, its range and its default.

The search space and the components have parsers of their own; here they are only given their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from sweeps.messages import Goal
from sweeps.space import Value
from sweeps.spec.scalars import parse_duration, parse_size
from sweeps.urls import holds_password, mask_password

_SIZE_RULE = "a size such as 512MB or 4GiB, or a number of bytes"
_DURATION_RULE = "a duration such as 45s, 30m, 1h30m or 1d, or a number of seconds"


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    seconds = parse_duration(value)
    if seconds is None:
        raise PydanticCustomError("rule", "must be {rule}", {"rule": _DURATION_RULE})
    return seconds


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    size = parse_size(value)
    if size is None:
        raise PydanticCustomError("rule", "must be {rule}", {"rule": _SIZE_RULE})
    return size


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _switched_off(value: Any) -> Any:
    return {"in_a_row": None, "fraction": None} if value is None else value


def _share_or_whole(value: float) -> float:
    if value > 1 and value != int(value):
        raise PydanticCustomError("rule", "must be a share below 1 or a whole number")
    return value


Bytes = Annotated[
    int,
    BeforeValidator(_bytes),
    Field(ge=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": r"^(?=.*[1-9])\s*\d+(\.\d+)?\s*[kKmMgGtT]?i?[bB]\s*$"},
            ]
        }
    ),
]
Gpus = Annotated[float, Field(ge=0), AfterValidator(_share_or_whole)]


_DURATION = r"(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?s)?$"


def _duration_schema(least: str, before: str) -> WithJsonSchema:
    """What `_seconds` reads; ``least`` is the keyword for 0, ``before`` what a text begins with."""
    text = {"type": "string", "pattern": f"^{before}{_DURATION}", "minLength": 2}
    return WithJsonSchema({"anyOf": [{"type": "number", least: 0}, text]})


_SOME = _duration_schema("exclusiveMinimum", "(?=.*[1-9])")
_SOME_OR_NONE = _duration_schema("minimum", "")
Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0), _SOME]
Duration = Annotated[float, BeforeValidator(_seconds), Field(ge=0), _SOME_OR_NONE]

_SCALAR_SCHEMA = {"type": ["string", "number", "boolean", "null"]}
_OPTION_SCHEMA = {"anyOf": [_SCALAR_SCHEMA, {"type": "array", "items": _SCALAR_SCHEMA}]}
_COMPONENT_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": _OPTION_SCHEMA,
        },
    ]
}
_TEXT_SCHEMA = {"type": "string", "minLength": 1}
_TEXTS_SCHEMA = {"anyOf": [_TEXT_SCHEMA, {"type": "array", "items": _TEXT_SCHEMA}]}
_PRUNER_SCHEMA = {"anyOf": [{"type": "null"}, *_COMPONENT_SCHEMA["anyOf"]]}


class Section(BaseModel):
    """A mapping of the YAML: frozen, unknown keys refused, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Objective(Section):
    """A name that the training function reports, and its better direction."""

    name: str = Field(
        min_length=1, description="a metric that the training function reports, such as val_loss"
    )
    goal: Goal = Field(description="minimize or maximize")


class Metric(Objective):
    """The leading objective. In the YAML it is the first of a list where there are ``further`` ones."""

    further: SkipJsonSchema[tuple[Objective, ...]] = ()


class Component(Section):
    """A sampler or pruner by name, with the options it takes."""

    name: str
    options: Mapping[str, Value | tuple[Value, ...]] = Field(default_factory=dict)


class EarlyStopping(Section):
    """A trial ends as COMPLETE after ``patience`` epochs without an improvement of ``min_delta``."""

    patience: int = Field(ge=1, description="epochs without improvement before a trial ends")
    min_delta: float = Field(default=0.0, ge=0, description="the least change that counts as an improvement")


class Budget(Section):
    """Totals, resumed runs included."""

    trials: int | None = Field(default=None, ge=1, description="trials started, whatever becomes of them")
    wall: Seconds | None = Field(default=None, description="time the sweep may run")
    gpu_hours: float | None = Field(
        default=None, gt=0, description="GPUs times hours that trials may have them"
    )
    epochs: int | None = Field(default=None, ge=1, description="epochs of all trials together")
    patience: int | None = Field(
        default=None, ge=1, description="trials that may end without a better one, until no more start"
    )
    target: float | None = Field(default=None, description="an objective that is good enough")


class Resources(Section):
    """What one trial gets."""

    cpus: int = Field(default=1, ge=1, description="CPU cores, and threads, of one trial")
    gpus: Gpus | None = Field(
        default=None,
        description="GPUs of one trial, a share where below 1; by default 1 where there are any",
    )
    memory: Bytes | None = Field(default=None, description="memory that Ray sets aside for one trial")
    custom: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="further resources of a Ray cluster that one trial takes, by name"
    )


class Distributed(Section):
    """Several processes train one trial together, joined by torch.distributed."""

    name: Literal["ddp"] = Field(description="ddp, for DistributedDataParallel")
    ranks: int | None = Field(
        default=None, ge=1, description="processes of one trial; by default one for each of its GPUs"
    )
    backend: Literal["nccl", "gloo"] | None = Field(
        default=None, description="what joins them; by default nccl where the trial has GPUs, else gloo"
    )


class Retries(Section):
    """How often a trial is started again, by what ended it."""

    error: int = Field(default=0, ge=0, description="after an exception in the training function")
    crash: int = Field(default=1, ge=0, description="after its process died")
    hang: int = Field(default=0, ge=0, description="after a timeout")
    oom: int = Field(default=0, ge=0, description="after running out of memory")
    nonfinite: int = Field(default=0, ge=0, description="after an objective that is NaN or infinite")
    backoff: Duration = Field(
        default=0.0, description="wait before a trial is started again, doubled each time"
    )

    def of(self, kind: str) -> int:
        """How often a trial is started again after a failure of ``kind``."""
        allowed: int = 0 if kind == "infeasible" else getattr(self, kind)
        return allowed


class Breaker(Section):
    """When failures stop the whole sweep."""

    in_a_row: int | None = Field(
        default=5, ge=1, description="trials that fail in a row with the same error, crash or hang"
    )
    fraction: float | None = Field(
        default=0.8, gt=0, le=1, description="share of failed trials, judged from 20 ended ones on"
    )


class Timeout(Section):
    """When a silent or slow trial is killed."""

    report: Seconds | None = Field(default=None, description="longest time between two reports")
    trial: Seconds | None = Field(default=None, description="longest time of one attempt")


class Keep(Section):
    """Which checkpoints of ended trials stay."""

    top: int = Field(default=3, ge=1, description="the best COMPLETE trials, whose best epoch is kept")
    all: bool = Field(default=False, description="whether every trial keeps all its checkpoints")


class Simulation(Section):
    """What goes wrong on the machines of a simulated sweep."""

    startup: Duration = Field(default=0.0, description="time from an attempt's start to its first epoch")
    crash: float = Field(default=0.0, ge=0, lt=1, description="probability of a crash, for each epoch")
    stragglers: float = Field(default=0.0, ge=0, le=1, description="share of the workers that are slow")
    slowdown: float = Field(default=4.0, ge=1, description="how much longer everything takes on those")
    node_size: int = Field(default=8, ge=1, description="workers of one machine")
    node_life: Seconds | None = Field(default=None, description="mean time until a machine is lost")


_TARGET = r"^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*|[^:]+\.py):[A-Za-z_]\w*$"


class Settings(Section):
    """Every key but fixed, parameters, constraints and enqueue."""

    version: Literal[1] = Field(description="the file format, which is 1")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="the sweep's name, and that of its folder, results/<name>",
    )
    train: str = Field(
        pattern=_TARGET, description="the training function, as module:function or path/to/file.py:function"
    )
    test: str | None = Field(
        default=None, pattern=_TARGET, description="the test function, run once, on the winner"
    )
    metric: Metric = Field(default=Metric(name="val_loss", goal="minimize"), description="the objective")
    metric_constraints: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="what has to hold of the metrics at a trial's best epoch, such as latency <= 50",
    )
    epochs: int = Field(ge=1, description="the most epochs a trial may train")
    sampler: Annotated[Component, WithJsonSchema(_COMPONENT_SCHEMA)] = Field(
        default=Component(name="auto"), description="what proposes configurations"
    )
    pruner: Annotated[Component, WithJsonSchema(_PRUNER_SCHEMA)] = Field(
        default=Component(name="auto"), description="what ends poor trials early"
    )
    warm_start: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(_listed),
        WithJsonSchema(_TEXTS_SCHEMA),
    ] = Field(default=(), strict=False, description="results folders of earlier sweeps to learn from")
    early_stopping: EarlyStopping | None = Field(
        default=None, description="ends trials that no longer improve"
    )
    budget: Budget = Field(default=Budget(), description="when the sweep ends")
    resources: Resources = Field(default=Resources(), description="what one trial gets")
    engine: Literal["local", "inline", "ray", "simulated"] = Field(
        default="local", description="where trials run"
    )
    distributed: Annotated[Distributed | None, BeforeValidator(_named)] = Field(
        default=None, description="several processes for one trial: ddp, or {name: ddp, ranks: 2}"
    )
    retries: Retries = Field(default=Retries(), description="how often a failed trial is started again")
    breaker: Annotated[Breaker, BeforeValidator(_switched_off)] = Field(
        default=Breaker(), description="when failures stop the sweep; null for never"
    )
    canary: bool | None = Field(
        default=None,
        description="whether the first trial runs alone until its first report; by default where none has "
        "ever reported",
    )
    quarantine: int | None = Field(
        default=3,
        ge=1,
        description="failures in a row on one slot, while trials do well on others, until it gets no more",
    )
    infeasible: tuple[Literal["error", "crash", "hang", "oom", "nonfinite", "infeasible"], ...] = Field(
        default=("oom", "nonfinite", "infeasible"),
        strict=False,
        description="failures that tell the sampler to avoid such configurations",
    )
    workers: int | None = Field(default=None, ge=1, description="most trials at once; by default all slots")
    seed: int = Field(default=0, ge=0, lt=2**32, description="from which every draw comes")
    isolation: Literal["warm", "trial"] = Field(
        default="warm", description="reused workers, or a new process for each trial"
    )
    max_trials_per_worker: int | None = Field(
        default=None, ge=1, description="trials before a worker is replaced"
    )
    timeout: Timeout = Field(default=Timeout(), description="when a silent or slow trial is killed")
    keep: Keep = Field(default=Keep(), description="which checkpoints of ended trials stay")
    curves: str | None = Field(
        default=None,
        pattern=_TARGET,
        description="with engine: simulated, what gives a trial its learning curve, as module:factory",
    )
    simulation: Simulation = Field(default=Simulation(), description="the machines of a simulated sweep")
    storage: str | None = Field(
        default=None,
        pattern=r"^(sqlite:///.+|postgresql(\+psycopg)?://.+)$",
        description="the study's database; by default a journal in the results folder",
    )
    storage_path: str | None = Field(
        default=None,
        pattern=r"^(/|[a-z][a-z0-9+.-]*://).+$",
        description="a folder or URI where the nodes of a Ray cluster keep checkpoints",
    )
    export: tuple[Literal["safetensors"], ...] = Field(
        default=("safetensors",), strict=False, description="formats of the released model"
    )

    @property
    def simulated(self) -> bool:
        """Whether its trials are learning curves under a virtual clock."""
        return self.engine == "simulated"

    @property
    def starter(self) -> str:
        """The command that starts such a sweep, for messages that tell how to start anew."""
        return "sweep simulate" if self.simulated else "sweep run"

    @field_validator("storage", "storage_path")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is not None and holds_password(value):
            raise PydanticCustomError("password", "", {"shown": mask_password(value.partition("?")[0])})
        return value

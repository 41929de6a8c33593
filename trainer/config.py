"""The keys a configuration may hold, their defaults and their rules; parsed once into a frozen object."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, get_args, get_type_hints


class Rule(Protocol):
    """What a value must be."""

    def admits(self, value: object) -> bool:
        """Whether ``value`` keeps the rule."""

    def __str__(self) -> str:
        """The rule in words, after "must be"."""


@dataclass(frozen=True)
class OneOf:
    """One of a few values, told apart by type too: 1, 1.0 and true differ."""

    values: tuple[Any, ...]

    def admits(self, value: object) -> bool:
        return any(type(value) is type(known) and value == known for known in self.values)

    def __str__(self) -> str:
        return f"one of {', '.join(map(_shown, self.values))}"


@dataclass(frozen=True)
class Number:
    """A finite number between ``low`` and ``high``; ``above`` and ``below`` exclude the end itself."""

    low: float = -math.inf
    above: float = -math.inf
    high: float = math.inf
    below: float = math.inf

    def admits(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return self.low <= value <= self.high and self.above < value < self.below

    def __str__(self) -> str:
        limits = {"from": self.low, "above": self.above, "to": self.high, "below": self.below}
        return " ".join(
            ["a number", *(f"{word} {end:g}" for word, end in limits.items() if math.isfinite(end))]
        )


@dataclass(frozen=True)
class Whole:
    """A whole number of at least ``low`` and at most ``high``, if that is given."""

    low: int
    high: int | None = None

    def admits(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.high is None:
            return f"a whole number of at least {self.low}"
        return f"a whole number from {self.low} to {self.high}"


Count = Annotated[int, Whole(1)]
Fraction = Annotated[float, Number(low=0, below=1)]
NotNegative = Annotated[float, Number(low=0)]
Positive = Annotated[float, Number(above=0)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One configuration: every key can be fixed or searched; what only another branch reads is ignored."""

    data: Literal["digits"] = "digits"
    split_seed: Annotated[int, Whole(0, 2**32 - 1)] = 0  # which rows train, validate and test

    model: Literal["cnn", "mlp"] = "cnn"
    depth: Count = 2  # convolution blocks of the cnn, hidden layers of the mlp
    batch_norm: bool = True
    dropout: Fraction = 0.2
    channels: Count = 16  # cnn: of the first block; they double where a block halves the image
    kernel: Literal[1, 3, 5, 7] = 3  # cnn: side of the convolution in pixels
    pooling: Literal["global", "flatten"] = (
        "flatten"  # cnn: what stands between the blocks and the classifier
    )
    width: Count = 128  # mlp: units of each hidden layer

    batch_size: Annotated[int, Whole(2)] = 64  # batch norm needs two samples
    label_smoothing: Fraction = 0.0

    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    lr: Positive = 1e-3
    weight_decay: NotNegative = 1e-4  # added to the gradient by sgd and adam, decoupled by adamw
    momentum: Fraction = 0.9  # sgd; 0 is plain gradient descent
    nesterov: bool = False  # sgd with momentum

    schedule: Literal["constant", "cosine", "plateau"] = "plateau"
    plateau_patience: Annotated[int, Whole(0)] = 5  # epochs without a better val_loss before the rate falls
    plateau_factor: Annotated[float, Number(above=0, below=1)] = 0.5  # what the rate is then multiplied by


def parse(config: Mapping[str, Any]) -> Settings:
    """Check ``config`` and fill in the defaults.

    Raises ValueError naming every unknown key and every value out of range, with what is allowed.
    """
    problems = [_unknown(key, config[key]) for key in config if key not in RULES]
    problems += [
        _bad(key, config[key]) for key in RULES if key in config and not RULES[key].admits(config[key])
    ]
    sgd = config.get("optimizer") == "sgd"  # others do not read these keys
    if not problems and sgd and config.get("nesterov", False) and config.get("momentum") == 0:
        problems.append("nesterov: true needs a momentum above 0, found momentum: 0")
    if problems:
        raise ValueError("; ".join(problems))
    return Settings(**config)


def _rules() -> dict[str, Rule]:
    return {key: _rule(hint) for key, hint in get_type_hints(Settings, include_extras=True).items()}


def _rule(hint: Any) -> Rule:
    if hint is bool:
        return OneOf((True, False))
    first, *rest = get_args(hint)
    rule: Rule = rest[0] if isinstance(first, type) else OneOf((first, *rest))
    return rule


RULES: Mapping[str, Rule] = _rules()


def _unknown(key: str, value: object) -> str:
    near = difflib.get_close_matches(str(key), RULES, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown key {key}: {_shown(value)}; {hint}the trainer knows {', '.join(RULES)}"


def _bad(key: str, value: object) -> str:
    return f"{key} must be {RULES[key]}, found {_shown(value)}"


def _shown(value: object) -> str:
    """As YAML writes it, but a string that is not a plain word in quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) and value.isidentifier() else repr(value)

"""The configuration as a training function sees it: read-only, by key or by attribute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from sweeps.trial.wording import did_you_mean


class Config(dict[str, Any]):
    """A nested configuration: ``cfg["optimizer"]["lr"]`` or ``cfg.optimizer.lr``.

    It is a ``dict``, so ``json.dumps(cfg)``, ``{**cfg}`` and ``cfg.get("momentum", 0.0)`` work; assigning to
    it raises TypeError. A parameter whose condition does not hold is absent. Keys that are also dict methods
    (``values``, ``items``, ...) are reached by ``[]`` only.
    """

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__({key: _frozen(value) for key, value in dict(values).items()})

    def __getattr__(self, name: str) -> Any:
        # Python asks for dunder names (copy, pickle, numpy) that are never parameters.
        if name in self and not name.startswith("__"):
            return self[name]
        raise AttributeError(_unknown(name, self))

    def __missing__(self, key: str) -> NoReturn:
        raise KeyError(_unknown(key, self))

    def __reduce__(self) -> tuple[type[Config], tuple[dict[str, Any]]]:
        return Config, (dict(self),)

    def _read_only(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(
            "trial.config is read-only: what was searched must be what was trained; copy it with {**config}"
        )

    __setitem__ = __delitem__ = __ior__ = __setattr__ = __delattr__ = _read_only
    update = pop = popitem = clear = setdefault = _read_only


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Config(value)
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return value


def _unknown(name: str, config: Mapping[str, Any]) -> str:
    hint = did_you_mean(name, config) or f"; it has {', '.join(map(repr, config)) or 'no parameters'}"
    return f"the configuration has no parameter {name!r}{hint}"

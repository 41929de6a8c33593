"""The user's own parts, named as package.module:function."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any


def load(key: str, target: str) -> Callable[..., Any]:
    """The function ``target`` names, e.g. my_models:build; ``key`` is the setting it is the value of.

    Raises ValueError where there is no such module on the Python path or no such function in it.
    """
    name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        raise ValueError(
            f"{key}: {target} names a function of a module on the Python path, found no module "
            f"{error.name}: check its spelling and where it lies"
        ) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ValueError(
            f"{key}: {target} must name a function of the module {name}, found none called {attribute}"
        )
    return function  # type: ignore[no-any-return]  # mypy does not see what callable() has shown


def check_options(
    key: str, target: str, function: Callable[..., Any], given: tuple[Any, ...], options: Mapping[str, Any]
) -> None:
    """Raises ValueError unless ``function`` takes ``given`` and the keyword arguments ``options``."""
    try:
        inspect.signature(function).bind(*given, **options)
    except TypeError as error:
        raise ValueError(
            f"{key}_options must be keyword arguments of {target}, found {dict(options)}: {error}"
        ) from error

"""A data source of the user's own, named as package.module:function."""

from __future__ import annotations

import importlib
import inspect
from typing import cast

from trainer.data.source import Source
from trainer.settings import DataSettings

MEMBERS = ("signature", "for_training", "for_test")


def own(settings: DataSettings) -> Source:
    """What the function ``settings.data`` names returns for ``data_options`` as keyword arguments.

    Raises ValueError where there is no such function, or what it returns is no ``Source``.
    """
    name, _, attribute = settings.data.partition(":")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        raise ValueError(
            f"data: {settings.data} names a function of a module on the Python path, found no module "
            f"{error.name}: check its spelling and where it lies"
        ) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ValueError(
            f"data: {settings.data} must name a function of the module {name}, found none called {attribute}"
        )
    return _checked(function(**settings.data_options), settings)


def _checked(source: object, settings: DataSettings) -> Source:
    # Statically, since a signature may have to read the rows.
    lacking = [name for name in MEMBERS if inspect.getattr_static(source, name, None) is None]
    if lacking:
        raise ValueError(
            f"data: {settings.data} must return an object with {', '.join(MEMBERS)} "
            f"(trainer.data.source.Source), found a {type(source).__name__} without {', '.join(lacking)}"
        )
    return cast(Source, source)

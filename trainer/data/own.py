"""A data source of the user's own, named as package.module:function."""

from __future__ import annotations

import inspect
from typing import cast

from trainer.data.source import Source
from trainer.settings import DataSettings
from trainer.targets import check_options, load

MEMBERS = ("signature", "for_training", "for_test")


def own(settings: DataSettings) -> Source:
    """What the function ``settings.data`` names returns for ``data_options`` as keyword arguments.

    Raises ValueError where there is no such function, or what it returns is no ``Source``.
    """
    function = load("data", settings.data)
    check_options("data", settings.data, function, (), settings.data_options)
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

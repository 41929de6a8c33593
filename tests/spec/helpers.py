"""A small sound sweep, and a way to load variations of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sweeps.errors import SpecError
from sweeps.spec import SweepSpec, load_spec

HEAD = "version: 1\nname: small\ntrain: my_cnn:train\nepochs: 3\nbudget: {trials: 5}\n"
SMALL = HEAD + "parameters:\n  lr: {min: 0.1, max: 1.0}\n"


def load(directory: Path, text: str | bytes, overrides: Sequence[str] = ()) -> SweepSpec:
    path = directory / "s.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_spec(path, overrides)


def problems(directory: Path, text: str | bytes, overrides: Sequence[str] = ()) -> list[str]:
    """The problem lines of ``text``, without the directory; empty where it loads."""
    try:
        load(directory, text, overrides)
    except SpecError as error:
        return [line.replace(f"{directory}/", "") for line in error.problems]
    return []

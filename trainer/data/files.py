"""Where a source's files lie."""

from __future__ import annotations

from pathlib import Path

from trainer.settings import DataSettings


def path_of(settings: DataSettings, what: str) -> Path:
    """``data_path``; ``what`` says of what, e.g. "a .npz file". Raises ValueError if it is not given."""
    if not settings.data_path:
        raise ValueError(f"data: {settings.data} needs data_path, the path of {what}, found none")
    return Path(settings.data_path).expanduser()


def file_of(settings: DataSettings, what: str) -> Path:
    """``data_path``, which must be a file."""
    path = path_of(settings, what)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise ValueError(f"data_path must be {what}, found {found} at {path.absolute()}")
    return path


def folder_of(settings: DataSettings, what: str, source: str) -> Path:
    """``data_path``, which must be a folder; ``source`` says how to get what should be in it."""
    path = path_of(settings, what)
    if not path.is_dir():
        found = "a file" if path.is_file() else "nothing"
        raise ValueError(f"data_path must be {what}, found {found} at {path.absolute()}: {source}")
    return path

"""The user's code on its way to a cluster: the folder of the training function, and this package.

Only files that programs are made of travel, so that a data set or a results folder beside the code does not.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sweeps.engines.base import EngineSettings
from sweeps.errors import UsageError
from sweeps.trial.target import source_folder

CODE = "code"  # the folder of the shipped ones, inside a worker's working directory
_ALLOWED = frozenset({".py", ".pyi", ".so"})
_PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages"})
_UNLESS_PACKAGES = frozenset({"results", "venv", "env", "build", "dist"})
MOST_BYTES = 20_000_000
MOST_FILES = 5_000
_MOST_LOOKED_AT = 200_000  # files of any kind


@contextlib.contextmanager
def packed(settings: EngineSettings, variables: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Ray's runtime environment for the workers of a sweep, while Ray connects and takes it in.

    Raises:
        UsageError: the folders hold more than 20 MB or 5,000 files of code.
    """
    with tempfile.TemporaryDirectory(prefix="sweeps-code-") as stage:
        for number, folder in enumerate(_folders(settings)):
            _copy(folder, Path(stage) / CODE / str(number))
        (Path(stage) / CODE).mkdir(exist_ok=True)
        packages = [place for name in ("sweeps", "trainer") for place in _places(name)]
        yield {"working_dir": stage, "py_modules": packages, "env_vars": dict(variables)}


def shipped_folders() -> tuple[Path, ...]:
    """On a worker: where what has travelled lies, the training function's folder first."""
    return tuple(sorted((Path.cwd() / CODE).glob("*"), key=lambda folder: int(folder.name)))


def _folders(settings: EngineSettings) -> list[Path]:
    targets = filter(None, (settings.train, settings.test))
    folders = (source_folder(target, settings.search_path) for target in targets)
    return [folder for folder in dict.fromkeys(folders) if folder is not None]


def _places(package: str) -> list[str]:
    """The folder of an installed package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None  # both are of one distribution
    return list(spec.submodule_search_locations or ())


def _copy(folder: Path, target: Path) -> None:
    size = 0
    for count, path in enumerate(_code(folder), start=1):
        size += path.stat().st_size
        if size > MOST_BYTES or count > MOST_FILES:
            raise _too_much(folder)
        place = target / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _code(folder: Path) -> Iterator[Path]:
    """The files of code under ``folder``, links to folders and what cannot be read left out."""
    looked_at = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_passed_over(Path(place) / name))
        looked_at += len(files)
        if looked_at > _MOST_LOOKED_AT:
            raise _too_much(folder)
        for path in (Path(place) / name for name in sorted(files)):
            if path.suffix in _ALLOWED and path.is_file() and os.access(path, os.R_OK):
                yield path


def _is_passed_over(folder: Path) -> bool:
    """Hidden folders, virtual environments, and what results and builds are called."""
    if folder.name.startswith(".") or folder.name in _PASSED_OVER or (folder / "pyvenv.cfg").exists():
        return True
    return folder.name in _UNLESS_PACKAGES and not (folder / "__init__.py").exists()


def _too_much(folder: Path) -> UsageError:
    return UsageError(
        f"code that travels to a cluster must be at most {MOST_BYTES // 10**6} MB in {MOST_FILES:,} files, "
        f"among {_MOST_LOOKED_AT:,} of any kind, and {folder} holds more: move the training function into a "
        "folder of its own"
    )

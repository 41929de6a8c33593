"""The user's code on its way to a cluster: the folder of the training function, and this package.

Only files that programs are made of travel, so that a data set or a results folder beside the code does not.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sweeps.engines.base import EngineSettings
from sweeps.errors import UsageError
from sweeps.trial.target import source_folder

CODE = "code"  # the shipped folder, inside a worker's working directory
_ALLOWED = frozenset({".py", ".pyi", ".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".txt", ".so"})
_PASSED_OVER = frozenset({"__pycache__", "node_modules", "results", "venv", "site-packages"})
MOST_BYTES = 20_000_000
MOST_FILES = 5_000


@contextlib.contextmanager
def packed(settings: EngineSettings, variables: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Ray's runtime environment for the workers of a sweep, while Ray connects and takes it in.

    Raises:
        UsageError: the folders hold more than 20 MB or 5,000 files of code.
    """
    targets = filter(None, (settings.train, settings.test))
    folders = {source_folder(target, settings.search_path) for target in targets}
    with tempfile.TemporaryDirectory(prefix="sweeps-code-") as stage:
        code = Path(stage) / CODE
        code.mkdir()
        for folder in sorted(folder for folder in folders if folder is not None):
            _copy(folder, code)
        packages = [place for name in ("sweeps", "trainer") for place in _places(name)]
        yield {"working_dir": stage, "py_modules": packages, "env_vars": dict(variables)}


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
            raise UsageError(
                f"code that travels to a cluster must be at most {MOST_BYTES // 10**6} MB in "
                f"{MOST_FILES:,} files, and {folder} holds more: move the training function into a folder of "
                "its own"
            )
        place = target / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _code(folder: Path) -> Iterator[Path]:
    """The files of code under ``folder``; hidden folders and virtual environments are passed over."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _PASSED_OVER:
            continue
        if path.is_dir() and not (path / "pyvenv.cfg").exists():
            yield from _code(path)
        elif path.suffix in _ALLOWED:
            yield path

"""Find the user's function: ``module:function`` or ``path/to/file.py:function``."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from sweeps.errors import TargetError
from sweeps.trial.wording import did_you_mean

_FIX = ": go to the folder that your code is in, or put the code into one of these"


def load_function(target: str, search_path: Sequence[Path]) -> Callable[..., Any]:
    """Import and return the function ``target`` names.

    A module is looked up in the folders of ``search_path`` in order, then among installed packages; a file
    relative to these folders. The folders stay on ``sys.path``, so that the user's later imports work. Raises
    TargetError with the rule, what was looked for and where, and the nearest name.
    """
    source, name = _split(target)
    module = _import(target, source, search_path)
    function = getattr(module, name, None)
    if function is None:
        raise TargetError(_no_function(target, module, name))
    if not callable(function):
        raise TargetError(f"{target!r} must name a function, found a {type(function).__qualname__}")
    return function  # type: ignore[no-any-return]  # callable() was just checked; getattr is Any


def check_target(target: str, search_path: Sequence[Path]) -> None:
    """Look for the function in its source, without importing anything.

    What a module makes at run time (``setattr``, a star import) is given the benefit of the doubt. Raises
    TargetError if there is no such module, it is no valid Python, or nothing in it bears the name.
    """
    source, name = _split(target)
    path = _source_file(target, source, search_path)
    if path is None:
        return
    try:
        names = set(_bound_names(ast.parse(path.read_bytes())))
    except SyntaxError as error:
        raise TargetError(f"{target!r} is no valid Python: {path}:{error.lineno}: {error.msg}") from error
    if not names & {name, "*", "__getattr__"}:
        raise TargetError(f"{target!r}: {path} has no function {name!r}{did_you_mean(name, sorted(names))}")


def _source_file(target: str, source: str, search_path: Sequence[Path]) -> Path | None:
    """The file of the module itself; None if it is not plain Python source."""
    if source.endswith(".py"):
        return _find_file(target, source, search_path)
    top, *rest = source.split(".")
    spec = _find_spec(target, top, search_path)
    path = Path(spec.origin) if spec.origin else None
    for part in rest:
        folder = path.parent if path and path.name == "__init__.py" else None
        if folder is None:
            return None
        module, package = folder / f"{part}.py", folder / part / "__init__.py"
        path = module if module.is_file() else package
    return path if path and path.suffix == ".py" and path.is_file() else None


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Every name the source binds, at any depth: too many rather than too few."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def source_hash(target: str, search_path: Sequence[Path]) -> str:
    """The sha256 (hex) of the function's source, read without importing anything.

    A single-file module counts as its bytes, a package as all ``.py`` files under it. Raises TargetError if
    the module cannot be found.
    """
    source, _ = _split(target)
    if source.endswith(".py"):
        return hashlib.sha256(_find_file(target, source, search_path).read_bytes()).hexdigest()
    spec = _find_spec(target, source.partition(".")[0], search_path)
    if spec.submodule_search_locations is not None:
        return _package_hash(spec.submodule_search_locations)
    origin = Path(spec.origin or "")
    return hashlib.sha256(origin.read_bytes() if origin.is_file() else source.encode()).hexdigest()


def source_folder(target: str, search_path: Sequence[Path]) -> Path | None:
    """The folder of ``search_path`` that the function's module lies in; None for an installed package.

    A file outside of these counts as lying in its own folder. Raises TargetError if there is no such module.
    """
    source, _ = _split(target)
    path = _source_file(target, source, search_path)
    if path is None or "site-packages" in path.parts:
        return None
    holding = [folder for folder in search_path if path.is_relative_to(folder)]
    alone = path.parent if source.endswith(".py") else None
    return max(holding, key=lambda folder: len(folder.parts), default=alone)


def _split(target: str) -> tuple[str, str]:
    source, colon, name = target.rpartition(":")
    if not (colon and source and name.isidentifier()):
        raise TargetError(
            f"a function is named 'module:function' or 'path/to/file.py:function', found {target!r}"
        )
    return source, name


def _import(target: str, source: str, search_path: Sequence[Path]) -> ModuleType:
    if source.endswith(".py"):
        path = _find_file(target, source, search_path)
        _put_first([path.parent, *search_path])
        return _run_user_import(target, lambda: _import_file(path))
    spec = _find_spec(target, source.partition(".")[0], search_path)
    _put_first(search_path)
    _forget_if_from_elsewhere(spec)
    return _run_user_import(target, lambda: importlib.import_module(source))


def _run_user_import(target: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except (Exception, SystemExit) as error:  # importing runs the user's code
        raise TargetError(f"{target!r} cannot be imported: {type(error).__qualname__}: {error}") from error


def _find_file(target: str, source: str, search_path: Sequence[Path]) -> Path:
    tried = [folder / source for folder in search_path]  # an absolute source replaces the folder
    for path in tried:
        if path.is_file():
            return path.resolve()
    raise TargetError(
        f"{target!r}: no such file; looked for {', '.join(dict.fromkeys(map(str, tried)))}{_FIX}"
    )


def _find_spec(target: str, top: str, search_path: Sequence[Path]) -> ModuleSpec:
    importlib.invalidate_caches()
    folders = [str(folder) for folder in search_path]
    spec = PathFinder.find_spec(top, folders) or _installed(top)
    if spec is None:
        raise TargetError(
            f"{target!r}: no module {top!r} in {', '.join(folders)} nor among the installed packages"
            f"{did_you_mean(top, _modules(search_path)) or _FIX}"
        )
    return spec


def _installed(top: str) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if spec := finder.find_spec(top, None):
            return spec
    return None


def _forget_if_from_elsewhere(spec: ModuleSpec) -> None:
    """A process that runs sweeps of several folders must not take one folder's module for another's."""
    loaded = sys.modules.get(spec.name)
    if loaded is not None and getattr(loaded, "__file__", None) != spec.origin:
        for name in [name for name in sys.modules if name == spec.name or name.startswith(f"{spec.name}.")]:
            del sys.modules[name]


def _import_file(path: Path) -> ModuleType:
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    # The file's own name lets its siblings import it, unless a library already goes by that name.
    name = path.stem if loaded is None and path.stem not in sys.stdlib_module_names else f"{path.stem}_target"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # it ends with .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _put_first(folders: Sequence[Path]) -> None:
    first = list(dict.fromkeys(str(folder) for folder in folders))
    sys.path[:] = first + [entry for entry in sys.path if entry not in first]


def _package_hash(locations: Sequence[str] | Any) -> str:
    digest = hashlib.sha256()
    for folder in sorted(locations):
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _no_function(target: str, module: ModuleType, name: str) -> str:
    functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    where, hint = module.__file__ or module.__name__, did_you_mean(name, functions)
    return f"{target!r}: {where} has no function {name!r}{hint}"


def _modules(search_path: Sequence[Path]) -> Iterator[str]:
    for folder in search_path:
        for path in folder.glob("*"):
            if path.suffix == ".py" or (path / "__init__.py").is_file():
                yield path.stem

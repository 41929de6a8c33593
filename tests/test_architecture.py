"""The rules of the house, frozen: who may import whom, and what each heavy library's home is."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sweeps

ROOT = Path(__file__).resolve().parent.parent

# A module imports from its own layer and from those below it, never from above.
LAYERS = [
    {"sweeps.cli", "sweeps.__main__"},
    {"sweeps.api"},
    {"sweeps.runner", "sweeps.verify"},
    {"sweeps.controller", "sweeps.engines", "sweeps.results", "sweeps.finals", "sweeps.export"},
    {"sweeps.spec", "sweeps.environment"},
    {"sweeps.samplers", "sweeps.pruners"},
    {"sweeps.surrogate"},
    {"sweeps.study"},
    {"sweeps.space", "sweeps.components", "sweeps.seeding", "sweeps.urls"},
    {"sweeps.trial"},
    {
        "sweeps.messages",
        "sweeps.paths",
        "sweeps.clock",
        "sweeps.disk",
        "sweeps.refusals",
        "sweeps.lines",
        "sweeps.floors",
        "sweeps.printable",
        "sweeps.strictjson",
        "sweeps.errors",
    },
]
HOMES = {
    "optuna": ("sweeps.study", "sweeps.space.distributions", "sweeps.samplers", "sweeps.pruners"),
    "pandas": ("sweeps.results", "trainer.data"),
    "pyarrow": ("sweeps.results", "sweeps.engines.ray.storage"),
    "torch": ("trainer", "sweeps.trial", "sweeps.export", "sweeps.engines.local", "sweeps.results.model"),
    "ray": ("sweeps.engines.ray",),
    "yaml": ("sweeps.spec",),
    "pydantic": ("sweeps.spec",),
    "typer": ("sweeps.cli",),
    "rich": ("sweeps.cli",),
    "sklearn": ("trainer.data",),
    "PIL": ("trainer.data",),
    "safetensors": ("sweeps.export", "sweeps.results.model"),
}
HEAVY = ("torch", "optuna", "pandas", "pyarrow", "pydantic", "ray", "sklearn", "scipy", "numpy", "sqlalchemy")


def modules() -> dict[str, Path]:
    """Every module of both packages by dotted name."""
    found = {}
    for package in ("sweeps", "trainer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    """What a module imports when it runs, at its top or inside a function; type-checking blocks left out."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(name: str) -> int | None:
    for depth, members in enumerate(LAYERS):
        if any(name == member or name.startswith(member + ".") for member in members):
            return depth
    return None


MODULES = modules()


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("sweeps.")])
def test_imports_point_down(name):
    own = layer(name)
    assert own is not None, f"{name} has no layer: give it one in LAYERS"
    upward = {i for i in imports(MODULES[name]) if (at := layer(i)) is not None and at < own}
    assert not upward, f"{name} imports from above: {sorted(upward)}"


@pytest.mark.parametrize("library", HOMES)
def test_each_heavy_library_has_one_home(library):
    homes = HOMES[library]
    strays = [
        name
        for name, path in MODULES.items()
        if any(i == library or i.startswith(library + ".") for i in imports(path))
        and not any(name == home or name.startswith(home + ".") for home in homes)
    ]
    assert not strays, f"{library} is imported outside its home {homes}: {strays}"


def test_the_trainer_knows_nothing_of_sweeps():
    for name, path in MODULES.items():
        if name.startswith("trainer") and name != "trainer.__main__":
            assert not any(i.split(".")[0] == "sweeps" for i in imports(path)), name


def test_the_names_of_the_api_are_frozen():
    assert sweeps.__all__ == [
        "CheckpointError",
        "CorruptStudyError",
        "Curve",
        "DiskFullError",
        "Infeasible",
        "LockedError",
        "NoUsableTrialError",
        "RefusedError",
        "ReportError",
        "Results",
        "SpecError",
        "SweepError",
        "SystemLimitError",
        "TargetError",
        "Trial",
        "TrialError",
        "UsageError",
        "VerificationError",
        "check_invariants",
        "load",
        "resume",
        "run",
    ]
    assert all(getattr(sweeps, name) is not None for name in sweeps.__all__)


@pytest.mark.parametrize("code", ["import sweeps", "import sweeps.cli.app", "import trainer"])
def test_importing_is_light(code):
    listing = f"{code}; import sys; print('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    loaded = {line.split(".")[0] for line in result.stdout.splitlines()}
    assert not loaded & set(HEAVY)


def test_help_is_instant():
    command = [sys.executable, "-c", "from sweeps.cli import main; main()", "--help"]
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - begun)
    assert "run" in result.stdout
    assert min(seconds) < 0.3

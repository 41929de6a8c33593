"""docs/guarantees.md names tests that exist, and every case of tests/faults."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if "::test_" in line]


def names_in(path: Path) -> set[str]:
    """The names of the tests in a file, of its classes too."""
    found = (node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    return {name for name in found if name.startswith("test_")}


def test_every_test_that_the_table_names_exists():
    assert len(ROWS) > 40
    for fault, guarantee, test, *others in ROWS:
        assert len(others) == 3, fault
        assert re.fullmatch(r"a warning|I[1-9]( to)?( I[1-9])*", guarantee), fault
        path, _, name = test.strip("`").partition("::")
        assert name in names_in(ROOT / path), f"{fault}: no {test}"


def test_every_fault_that_is_injected_stands_in_the_table():
    named = {test.strip("`") for _, _, test, *_ in ROWS}
    for path in (ROOT / "tests" / "faults").glob("test_*.py"):
        missing = {f"tests/faults/{path.name}::{name}" for name in names_in(path)} - named
        assert not missing, f"docs/guarantees.md lacks {sorted(missing)}"


def test_each_guarantee_is_stated():
    assert re.findall(r"^\*\*(I\d)\.", PAGE, re.MULTILINE) == [f"I{n}" for n in range(1, 10)]

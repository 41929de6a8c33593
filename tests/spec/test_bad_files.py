"""Every file under data/bad gives exactly the problems written beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import SpecError
from sweeps.spec import load_spec

BAD = Path(__file__).parent.parent / "data" / "bad"
FILES = sorted(BAD.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_reports_every_problem_with_its_place(path, monkeypatch):
    monkeypatch.chdir(BAD)
    with pytest.raises(SpecError) as caught:
        load_spec(Path(path.name))
    assert caught.value.problems == path.with_suffix(".txt").read_text().splitlines()
    assert caught.value.exit_code == 2


def test_there_are_many_of_them():
    assert len(FILES) >= 45
    assert {path.stem for path in BAD.glob("*.txt")} == {path.stem for path in FILES}

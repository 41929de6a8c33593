"""What `resume --set` changes stands when nothing is refused any more, and not before."""

from __future__ import annotations

import pytest

import sweeps
from sweeps.errors import CorruptStudyError


def test_what_is_refused_for_a_damaged_study_leaves_the_settings_as_they_were(toy):
    toy.run()
    journal = toy.folder / "study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-5]))
    before = toy.files()
    with pytest.raises(CorruptStudyError, match="must hold the end of every trial"):
        sweeps.resume(toy.folder, {"budget.trials": 9, "keep.top": 1})
    assert toy.files() == before
    journal.write_bytes(b"".join(lines))
    assert sweeps.resume(toy.folder).spec.budget.trials == 4

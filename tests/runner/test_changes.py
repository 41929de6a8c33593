"""What `resume --set` changes stands when nothing is refused any more, and not before."""

from __future__ import annotations

import pytest

import sweeps
from sweeps.errors import CorruptStudyError, RefusedError


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


@pytest.mark.parametrize(
    ("setting", "by_edit"),
    [({"epochs": 9}, False), ({"name": "other"}, False), ({"sampler": "random"}, True)],
)
def test_what_set_may_not_change_is_refused_with_a_fix_that_holds(toy, setting, by_edit):
    toy.run()
    with pytest.raises(RefusedError, match="another name, or `sweep run` with --fresh") as refused:
        sweeps.resume(toy.folder, setting)
    assert ("--edit FILE" in str(refused.value)) is by_edit
    assert "would not compare" not in str(refused.value)

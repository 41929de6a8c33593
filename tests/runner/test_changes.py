"""What `resume --set` changes stands when nothing is refused any more, and not before."""

from __future__ import annotations

import pytest

import sweeps
from sweeps.errors import CorruptStudyError, RefusedError, UsageError


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


def test_arguments_of_other_types_are_told_with_the_fix(toy):
    for wrong in ({"version": 1}, None, 3):
        with pytest.raises(UsageError, match=r"YAML is given by its path.*write it to a file"):
            sweeps.run(wrong)
        with pytest.raises(UsageError, match=r"results folder is given by its path.*results/cnn"):
            sweeps.resume(wrong)
    with pytest.raises(UsageError, match=r"set must be a mapping.*\['a'\].*write \{'budget.trials': 20\}"):
        sweeps.run(toy.spec(), set=["a"])
    with pytest.raises(UsageError, match=r"set: fixed\.x must be what a YAML can hold"):
        sweeps.run(toy.spec(), set={"fixed.x": object()})
    assert not toy.folder.exists()

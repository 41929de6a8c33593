"""A results folder whose files were harmed: what is unharmed is read, or an error of ours says why not.

The folder is a real one, with trials that completed, failed, were pruned and retried. A torn tail, which is
what a crash leaves, never costs an earlier record; any other damage never gives another exception than ours.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

import sweeps
from sweeps.errors import SweepError
from sweeps.messages import Exhausted, Wait
from sweeps.paths import RunPaths
from sweeps.spec import load_spec
from sweeps.study import TrialRecord, read_stored
from sweeps.trial.curve import read_epochs
from tests.controller.harness import opened_in
from tests.fuzz.examples import faults, few, many

TRAIN = """
def train(trial):
    trial.record(parameters=100 + trial.number, kind="small")
    for epoch in trial.epochs():
        if trial.number == 1 and trial.attempt == 1 or trial.number == 2:
            raise ValueError("as told: é")
        trial.report(val_loss=trial.number / epoch, val_accuracy=float("nan") if epoch == 2 else 0.5)
"""
SPEC = """
version: 1
name: toy
train: toy:train
epochs: 4
parameters: {lr: {min: 1e-3, max: 1.0, log: true}, kind: {values: [a, 1, true, null]}}
pruner: {name: asha, min_epochs: 1}
retries: {error: 1}
budget: {trials: 5}
engine: inline
"""
JOURNAL, EVENTS = "study.journal", "events.jsonl"
METRICS, FACTS = "trials/0000/metrics.jsonl", "trials/0000/facts.json"
FILES = (JOURNAL, JOURNAL, EVENTS, METRICS, FACTS)


@pytest.fixture(scope="module", autouse=True)
def whole(tmp_path_factory):
    """The unharmed folder ``whole/toy``; each example works on a copy of it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("bytes")
        patch.chdir(folder)
        (folder / "toy.py").write_text(TRAIN)
        (folder / "toy.yaml").write_text(SPEC)
        sweeps.run("toy.yaml", results="whole")
        yield folder / "whole" / "toy"


def copy() -> Path:
    """A copy without tables, which would hide what the other files say."""
    shutil.rmtree("copy", ignore_errors=True)
    return Path(shutil.copytree("whole/toy", "copy", ignore=shutil.ignore_patterns("*.parquet")))


# --- torn tails -----------------------------------------------------------------------------


def up_to_last_line(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def stored(folder: Path) -> list[TrialRecord]:
    """What the journal says of itself: readers refuse one that lacks what events.jsonl tells of."""
    spec = sweeps.load(folder).spec
    return read_stored(RunPaths(folder), spec.name, spec.metric.goal)


READERS: dict[str, Callable[[Path], Any]] = {
    JOURNAL: lambda folder: stored(folder),
    EVENTS: lambda folder: sweeps.load(folder).attempts.to_dict("records"),
    METRICS: lambda folder: read_epochs(folder / METRICS),
}


@few(60)
@given(st.sampled_from(list(READERS)), st.floats(0, 1))
def test_a_torn_tail_costs_no_earlier_record(name, share):
    folder = copy()
    content = (folder / name).read_bytes()
    torn = content[: round(len(content) * share)]
    if content[len(torn) :].startswith(b"\n"):  # a record that lacks its newline alone may count
        torn = torn[:-1]
    (folder / name).write_bytes(torn)
    found = [repr(row) for row in READERS[name](folder)]
    (folder / name).write_bytes(up_to_last_line(torn))
    earlier = [repr(row) for row in READERS[name](folder)]
    assert found == earlier


# --- any damage -----------------------------------------------------------------------------

WORDS = [
    b"null",
    b"{}",
    b"[]",
    b"-1",
    b"1e999",
    b"NaN",
    b"true",
    b'"x"',
    b"9" * 30,
    b"\n",
    b"\\ud800",
    b"\xff",
]


@st.composite
def harm(draw, content: bytes) -> bytes:
    """Bytes put in, overwritten, cut out or cut off; a value replaced; a line doubled, lost or moved."""
    at = draw(st.integers(0, len(content)))
    how = draw(st.sampled_from(["overwrite", "insert", "cut out", "truncate", "value", "value", "line"]))
    if how == "truncate":
        return content[:at]
    if how == "cut out":
        return content[:at] + content[at + draw(st.integers(1, 40)) :]
    if how == "value":  # from a colon or comma to the next end of a value
        start = max(content.rfind(b":", 0, at), content.rfind(b",", 0, at)) + 1
        ends = [end for end in (content.find(mark, start) for mark in (b",", b"}", b"]")) if end > 0]
        return content[:start] + draw(st.sampled_from(WORDS)) + content[min(ends, default=start) :]
    if how == "line":
        lines = content.splitlines(keepends=True) or [b"\n"]
        moved = lines.pop(draw(st.integers(0, len(lines) - 1)))
        again = draw(st.integers(0, 2))
        place = draw(st.integers(0, len(lines)))
        return b"".join([*lines[:place], *[moved] * again, *lines[place:]])
    inserted = draw(st.binary(min_size=1, max_size=8) | st.sampled_from(WORDS))
    return content[:at] + inserted + content[at + (len(inserted) if how == "overwrite" else 0) :]


@st.composite
def harmed(draw) -> tuple[str, bytes]:
    name = draw(st.sampled_from(FILES))
    return name, draw(harm(Path("whole/toy", name).read_bytes()))


def reads_or_says_why_not(name: str, content: bytes) -> None:
    note(f"{name}: {content!r}")
    folder = copy()
    (folder / name).write_bytes(content)
    for read in ("trials", "epochs", "attempts", "lineage", "best"):
        try:
            getattr(sweeps.load(folder), read)
        except SweepError as error:
            assert name == JOURNAL, f"{read} needs the journal alone: {error}"
    assert (folder / name).read_bytes() == content  # reading changes nothing
    goes_on_or_says_why_not(folder)


def goes_on_or_says_why_not(folder: Path) -> None:
    try:
        spec = load_spec(folder / "resolved.yaml")
        with opened_in(RunPaths(folder), spec) as controller:
            assert not any(record.state == "RUNNING" for record in controller.records)
            answer = controller.ask()
            assert isinstance(answer, list | Wait | Exhausted)
    except SweepError as error:
        assert str(folder / JOURNAL) in str(error) or "study" in str(error)


@few(150)
@given(harmed())
def test_harmed_files_are_read_or_refused(case):
    reads_or_says_why_not(*case)


@faults
@many(1_500)
@given(harmed())
def test_many_harmed_files_are_read_or_refused(case):
    reads_or_says_why_not(*case)

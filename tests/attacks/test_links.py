"""Links in a results folder that lead out of it: nothing is written, deleted or exported through them."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat

import pytest

from sweeps.controller.resume import clear_leftovers
from sweeps.paths import replace_file
from tests.attacks.conftest import Victim

WRITTEN = (
    "lock", "study.journal", "events.jsonl", "manifest.json", "resolved.yaml", "sweep.yaml", "env.json",
    "trials.parquet", "trials.csv", "epochs.parquet", "trials", "best", "trials/0002", "trials/0002/best.pt",
    "trials/0002/metrics.jsonl", "trials/0002/log.txt", "trials/0009", "best/test.json",
    "best/model.safetensors", "edit", "edit/study.journal",
)  # fmt: skip


def link(victim: Victim, name: str) -> None:
    """Make ``name`` a link to something precious that looks like it."""
    place = victim.paths.root / name
    place.parent.mkdir(exist_ok=True)
    target = victim.precious / "linked"
    if place.is_dir():
        shutil.move(place, target)
    elif place.exists():
        shutil.copy(place, target)
        place.unlink()
    else:
        target.mkdir()
        (target / "0007").mkdir()
    place.symlink_to(target)


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_written_through_a_link(victim, name):
    link(victim, name)
    before = victim.contents()
    for command in (
        ("resume", "victim", "--set", "budget.trials=12"),
        ("run", "victim.yaml"),
        ("run", "victim.yaml", "--fresh"),
        ("test", "victim"),
    ):
        ended = victim.sweep(*command)
        assert ended.code == 5 and "this is a link to" in ended.err, command
    assert victim.contents() == before


def test_reading_through_links_changes_nothing(victim):
    for name in ("study.journal", "events.jsonl", "trials"):
        link_to = victim.precious / name
        shutil.move(victim.paths.root / name, link_to)
        (victim.paths.root / name).symlink_to(link_to)
    victim.survives()


@pytest.mark.parametrize("name", ["best/model.safetensors", "best/config.json", "best"])
def test_nothing_is_exported_through_a_link(victim, name):
    link(victim, name)
    *_, export = victim.survives()
    assert export.code == 5 and "what is exported must lie in the results folder" in export.err


def test_links_of_the_users_own_are_let_be(victim):
    """In the trial's folder, under another name; and the whole folder may be one."""
    for name in ("data", "backbone.pth", "log.csv", "model.pt.backup"):
        (victim.paths.trial(1).directory / name).symlink_to(victim.precious)
    shutil.move(victim.paths.root, victim.precious / "large_disk")
    victim.paths.root.symlink_to(victim.precious / "large_disk")
    assert victim.sweep("resume", "victim", "--set", "budget.trials=5").code == 3
    assert len(victim.sweep("trials", "victim").out.splitlines()) == 6
    assert (victim.precious / "thesis.txt").exists()


def test_leftovers_behind_a_link_stay(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").touch()
    (tmp_path / "0007").symlink_to(tmp_path / "precious")
    clear_leftovers(tmp_path / "0007")
    assert not (tmp_path / "0007").is_symlink() and (tmp_path / "precious" / "thesis.txt").exists()


def test_a_link_that_waits_for_a_file_to_be_replaced_is_not_followed(tmp_path):
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("ten years")
    (tmp_path / f".table.csv.{os.getpid()}.tmp").symlink_to(thesis)
    replace_file(tmp_path / "table.csv", b"number")
    assert thesis.read_text() == "ten years" and (tmp_path / "table.csv").read_bytes() == b"number"
    assert not (tmp_path / "table.csv").is_symlink()


def test_a_new_folder_is_its_owners_alone_and_an_old_one_is_left_as_it_is(victim):
    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)

    folders = [path for path in victim.paths.root.rglob("*") if path.is_dir()]
    assert victim.paths.trial(0).directory in folders and victim.paths.best.directory in folders
    assert {mode(path) for path in (victim.paths.root, *folders)} == {0o700}
    written = ("study.journal", "events.jsonl", "resolved.yaml", "manifest.json", "trials.csv", "lock")
    trial = victim.paths.trial(0)
    files = [
        *(victim.paths.root / name for name in written),
        trial.log,
        trial.metrics,
        trial.facts,
        trial.best,
    ]
    assert {mode(path) for path in files} == {0o600}
    victim.paths.root.chmod(0o755)
    assert victim.sweep("resume", "victim").code == 3
    assert mode(victim.paths.root) == 0o755


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")


@needs_root
def test_code_is_not_looked_up_where_a_strangers_folder_says(victim):
    theirs = victim.home / "theirs"
    theirs.mkdir()
    canary = f"from pathlib import Path\nPath({str(victim.canary)!r}).touch()\n"
    (theirs / "lesson.py").write_text(canary + (victim.project / "lesson.py").read_text())
    (victim.project / "lesson.py").rename(victim.home / "mine.py")
    manifest = json.loads(victim.paths.manifest.read_bytes())
    victim.paths.manifest.write_text(json.dumps(manifest | {"search_path": [str(theirs)]}))
    os.chown(victim.paths.root, 12345, -1)
    extended = ("resume", "victim", "--set", "budget.trials=5")
    refused = victim.sweep(*extended)
    assert refused.code == 2 and "no module 'lesson'" in refused.err
    assert not victim.canary.exists()
    (victim.home / "mine.py").rename(victim.project / "lesson.py")
    done = victim.sweep(*extended)
    assert done.code == 3
    assert "belongs to another user: code was looked up in the working directory only" in done.err
    assert not victim.canary.exists()


@needs_root
def test_a_strangers_folder_that_names_files_elsewhere_or_is_where_one_stands_is_refused(victim, monkeypatch):
    os.chown(victim.paths.root, 12345, -1)
    text = victim.paths.resolved_yaml.read_text()
    targets = (f"{victim.home}/lesson.py:train", "../lesson.py:train", "results/../../lesson.py:train")
    named = [text.replace("train: lesson:train", f"train: {target}") for target in targets]
    simulated = re.sub(r"(?m)^engine: .*$", "engine: simulated", text)
    named.append(simulated.replace("curves: null", "curves: ../lesson.py:train"))
    for changed in named:
        victim.paths.resolved_yaml.write_text(changed)
        refused = victim.sweep("resume", "victim", "--set", "budget.trials=5")
        assert refused.code == 5 and "names code outside of the working directory" in refused.err
    victim.paths.resolved_yaml.write_text(text)
    monkeypatch.chdir(victim.paths.root)
    from sweeps.errors import RefusedError
    from sweeps.runner import resume

    with pytest.raises(RefusedError, match="code is not taken from it"):
        resume(".", ["budget.trials=5"])

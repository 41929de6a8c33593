"""Every file of a results folder found empty, cut in half or full of noise, by every command that reads it.

Either it is rebuilt, or the command is refused with exit code 5 and a message that names the file and the
fix; never a traceback, and nothing else is lost.
"""

from __future__ import annotations

import json
import random
import shutil

import pytest

import sweeps
from sweeps.errors import CorruptStudyError

REBUILT = (
    "trials.parquet", "trials.csv", "epochs.parquet", "env.json", "sweep.yaml", "lock", "events.jsonl",
    "best/config.json", "best/metrics.json", "best/model.safetensors", "best/selection.json",
    "trials/0001/metrics.jsonl", "trials/0001/facts.json", "trials/0001/log.txt",
)  # fmt: skip
REFUSED = ("study.journal", "resolved.yaml", "manifest.json", "best/test.json")
DAMAGES = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "noise": lambda data: random.Random(1).randbytes(3000),
}
READ = (
    ["show", "toy"],
    ["trials", "toy", "--json"],
    ["trials", "toy", "--attempts"],
    ["logs", "toy", "1"],
    ["export", "toy", "bundle"],
    ["verify", "toy"],
)
WRITE = (["test", "toy"], ["resume", "toy", "-q"])


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", [*REBUILT, *REFUSED])
def test_every_command_on_a_damaged_file(toy, sweep, name, damage):
    file = toy.root / name
    whole = file.read_bytes()
    file.write_bytes(DAMAGES[damage](whole))
    damaged, journal = file.read_bytes(), toy.journal.read_bytes()
    refusals = []
    for arguments in (*READ, *WRITE):
        code, said = sweep(*arguments)
        shutil.rmtree("bundle", ignore_errors=True)
        if arguments[0] == "verify":
            assert code in (0, 5, 7), said
            continue
        assert code in (0, 5), (arguments, said)
        if code == 5:
            refusals.append(arguments[0])
            assert name in said and "restore" in said, (arguments, said)
    if name in REFUSED:
        assert refusals
        assert file.read_bytes() == damaged, "a damaged file was made worse"
        assert toy.journal.read_bytes().startswith(journal)
        file.write_bytes(whole)
    else:
        assert not refusals
    assert sweep("resume", "toy", "-q")[0] == 0
    trials = sweeps.load(toy.root).trials
    assert trials["state"].tolist() == ["COMPLETE"] * 3 and trials["attempt"].tolist() == [1] * 3
    assert sweeps.load(toy.root).best.test == {"accuracy": 1.0}
    tests = [line for line in toy.events.read_bytes().splitlines() if b'"FinalsStarted"' in line]
    assert all(json.loads(line)["test"] is None for line in tests[1:]), "tested again"


def test_a_damaged_table_is_rebuilt_without_a_word(toy):
    before = sweeps.load(toy.root)
    trials, epochs = before.trials, before.epochs
    for path in (toy.trials_parquet, toy.epochs_parquet):
        whole = path.read_bytes()
        middle = bytearray(whole)
        middle[200] ^= 1  # of a page
        for data in (bytes(middle), whole[:-1], whole[1:], b"", b"PAR1"):
            path.write_bytes(data)
            after = sweeps.load(toy.root)
            assert after.trials.equals(trials) and after.epochs.equals(epochs)


def test_a_journal_cut_at_every_byte_of_its_last_record(toy):
    trials = sweeps.load(toy.root).trials
    data = toy.journal.read_bytes()
    for path in (toy.trials_parquet, toy.epochs_parquet):
        path.unlink()
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    for length in range(last, len(data)):
        toy.journal.write_bytes(data[:length])
        assert sweeps.load(toy.root).trials.equals(trials)
    for length in (last, last + 1, len(data) - 1):
        toy.journal.write_bytes(data[:length])
        assert sweeps.resume(toy.root).trials.equals(trials)
        assert toy.journal.read_bytes().startswith(data[:last])


def test_the_newest_backup_of_a_damaged_journal_is_named(toy):
    shutil.copy(toy.journal, toy.root / "study.journal.v1")
    data = toy.journal.read_bytes()
    for damaged in (b"", data[: len(data) // 2], b"\0" * 100, b"noise", random.Random(3).randbytes(5000)):
        toy.journal.write_bytes(damaged)
        for read in (lambda: sweeps.load(toy.root).best, lambda: sweeps.resume(toy.root)):
            with pytest.raises(CorruptStudyError, match=r"newest beside it is study\.journal\.v1"):
                read()
        assert toy.journal.read_bytes() == damaged
    shutil.copy(toy.root / "study.journal.v1", toy.journal)
    assert len(sweeps.resume(toy.root).trials) == 3


def test_a_missing_file_costs_nothing_that_is_there(toy, sweep):
    for name in ("resolved.yaml", "manifest.json", "study.journal"):
        whole = (toy.root / name).read_bytes()
        (toy.root / name).unlink()
        code, said = sweep("run", "toy.yaml", "-q")
        assert code == 5 and name in said and "restore" in said
        (toy.root / name).write_bytes(whole)
    assert sweep("run", "toy.yaml", "-q")[0] == 0
    assert len(sweeps.load(toy.root).trials) == 3


def test_damage_is_told_in_words_and_with_its_line(toy, sweep):
    manifest, journal = toy.manifest.read_bytes(), toy.journal.read_bytes()
    for data, words in (
        (b"x", "no JSON from line 1, column 1 on"),
        (b"{}", "version is missing"),
        (b"\xff", "no UTF-8"),
    ):
        toy.manifest.write_bytes(data)
        code, said = sweep("resume", "toy", "-q")
        assert code == 5 and words in said and "Error(" not in said
    toy.manifest.write_bytes(manifest)
    line = next(n for n, record in enumerate(journal.splitlines(), 1) if b'"user_attr"' in record)
    toy.journal.write_bytes(journal.replace(b'"user_attr"', b'"user_atts"', 1))
    for command in (("show", "toy"), ("resume", "toy", "-q")):
        code, said = sweep(*command)
        assert code == 5 and f"study.journal:{line}: this line must be what `sweep` wrote" in said

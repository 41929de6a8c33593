"""Every file of a results folder replaced by what an attacker would send; every command that reads it run."""

from __future__ import annotations

import json
import struct
import time

import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from sweeps.results.writer import journal_stamp
from sweeps.trial.checkpoint import Checkpoint
from tests.attacks.payloads import pickled, torch_archive, with_checksum, zip_bomb

STATE_FILES = (
    "study.journal", "events.jsonl", "manifest.json", "resolved.yaml", "sweep.yaml", "env.json", "lock",
    "trials.parquet", "epochs.parquet", "trials.csv", "trials/0000/metrics.jsonl", "trials/0000/facts.json",
    "trials/0000/log.txt", "best/selection.json", "best/test.json", "best/metrics.json", "best/config.json",
    "best/model.safetensors",
)  # fmt: skip


def winner_of(victim):
    return json.loads((victim.paths.best.metrics).read_bytes())["trial"]


def resume(victim):
    """`sweep resume`, which may import code; nothing else is let pass."""
    ended = victim.sweep("resume", "victim", "--quiet")
    assert not victim.canary.exists()
    assert ended.code in (0, 2, 3, 4, 5), ended
    return ended


def test_the_corpus_covers_what_a_sweep_writes(victim):
    written = {str(p.relative_to(victim.paths.root)) for p in victim.paths.root.rglob("*") if p.is_file()}
    told = {name for name in written if not name.startswith("trials/") or name.startswith("trials/0000")}
    assert {name for name in told if ".pt" not in name} == set(STATE_FILES)


@pytest.mark.parametrize("name", STATE_FILES)
def test_a_pickle_in_any_file_is_data_at_most(victim, name):
    (victim.paths.root / name).write_bytes(pickled(victim.canary))
    victim.survives()
    resume(victim)


@pytest.mark.parametrize("make", [pickled, torch_archive, lambda _: zip_bomb(1 << 28)])
def test_a_checkpoint_of_another_hand_is_not_read(victim, make):
    number = winner_of(victim)
    for name in ("best.pt", "last.pt"):
        with_checksum(victim.paths.trials / f"{number:04d}" / name, make(victim.canary))
    victim.paths.best.metrics.unlink()  # so that the winner is exported anew
    begun = time.process_time()
    *_, export = victim.survives()
    assert export.code == 5 and "must hold what `trial.epochs` saves" in export.err
    assert time.process_time() - begun < 5
    assert resume(victim).code == 3


def test_tensors_that_claim_more_than_the_file_holds_are_an_error(victim):
    checkpoint = victim.paths.trial(winner_of(victim)).best
    wide = torch.zeros(1).expand(1 << 46)
    torch.save({"objects": {"model": {"weight": wide}}, "epoch": 1, "value": 0.0}, checkpoint)
    with_checksum(checkpoint, checkpoint.read_bytes())
    victim.paths.best.metrics.unlink()
    *_, export = victim.survives()
    assert export.code == 5 and "would unfold to" in export.err


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 100_000_000) + b"{",
        struct.pack("<Q", 90)
        + b'{"weight":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}    ',
        struct.pack("<Q", 20_000) + b"[" * 20_000,
    ],
)
def test_a_safetensors_header_is_not_believed(victim, header):
    import sweeps
    from sweeps.errors import CheckpointError
    from sweeps.export import read_model

    victim.paths.best.model.write_bytes(header)
    victim.survives()
    with pytest.raises(CheckpointError, match="must be a whole safetensors file"):
        read_model(victim.paths.best.model)
    model = sweeps.load(victim.paths.root).load_model(lambda config: torch.nn.Linear(2, 1))
    kept = Checkpoint(victim.paths.trial(winner_of(victim)).best).load()["objects"]["model"]
    assert model.bias.equal(kept["bias"])


def parquet(victim, table, metadata=None):
    """Put ``table`` in place of the trials, as fresh as the study."""
    stamp = f"2:{journal_stamp(victim.paths)}".encode()
    described = table.replace_schema_metadata({**(metadata or {}), b"sweeps.stamp": stamp})
    pa.parquet.write_table(described, victim.paths.trials_parquet)


def test_what_a_parquet_file_says_for_others_is_not_read(victim):
    table = pa.parquet.read_table(victim.paths.trials_parquet)
    payload = pickled(victim.canary)
    for key in (b"pandas", b"ARROW:schema", b"ARROW:extension:name", b"ARROW:extension:metadata"):
        parquet(victim, table, {key: payload})
        victim.survives()
    odd = {"index_columns": ["number"], "columns": [{"name": "number", "numpy_type": "O", "metadata": []}]}
    parquet(victim, table, {b"pandas": json.dumps(odd).encode()})
    assert [ended.code for ended in victim.survives()][:2] == [0, 0]


def test_a_parquet_file_of_other_columns_or_too_many_rows_is_made_anew(victim):
    table = pa.parquet.read_table(victim.paths.trials_parquet)
    true = victim.sweep("trials", "victim").out
    for forged in (
        pa.table({"number": [1, 2]}),
        table.set_column(0, "number", pa.array([["a"]] * len(table))),
        table.append_column("extra", pa.array([b"x"] * len(table))),
        pa.concat_tables([table] * 20_000),
        table.rename_columns([f"{name}\x1b" for name in table.column_names]),
    ):
        parquet(victim, forged)
        assert victim.survives()[2].out == true


@pytest.mark.parametrize("name", ["selection", "test"])
def test_a_choice_that_names_no_trial_is_refused(victim, name):
    path = getattr(victim.paths.best, name)
    whole = json.loads(path.read_bytes())
    if name == "selection":
        victim.paths.best.metrics.unlink()  # as where a kill came between the choice and its release
    for trial in (-1, 10**30, 1.0, None, [], True, {"a": 1}, "../.."):
        path.write_text(json.dumps({**whole, "trial": trial}))
        ended = resume(victim)
        assert ended.code == 5 and f"{name}.json must be what `sweep` wrote" in ended.err
    victim.survives()


@pytest.mark.parametrize("trial", ["../..", -1, True, {"a": 1}])
def test_a_bundle_that_names_no_trial_is_made_anew(victim, trial):
    whole = json.loads(victim.paths.best.metrics.read_bytes())
    victim.paths.best.metrics.write_text(json.dumps({**whole, "trial": trial}))
    victim.survives()
    assert resume(victim).code == 3  # a trial of it has failed
    assert json.loads(victim.paths.best.metrics.read_bytes()) == whole


def test_a_release_that_says_less_than_it_should_is_read_all_the_same(victim):
    release = json.loads(victim.paths.best.metrics.read_bytes())
    victim.paths.best.metrics.write_text(json.dumps({"trial": release["trial"]}))
    victim.survives()
    assert resume(victim).code == 3


def test_a_manifest_that_names_paths_is_refused(victim):
    manifest = json.loads(victim.paths.manifest.read_bytes())
    for change in (
        {"id": "../../precious"},
        {"id": ""},
        {"search_path": 3},
        {"search_path": [1]},
        {"source": None},
        {"version": "1"},
    ):
        victim.paths.manifest.write_text(json.dumps(manifest | change))
        ended = resume(victim)
        assert ended.code == 5 and "manifest.json" in ended.err
    victim.survives()


@pytest.mark.parametrize(
    "name", ["..", ".", "../../precious", "/tmp/x", ".hidden", "a/b", "a\\b", "a b", "é"]
)
def test_a_name_that_is_a_path_is_refused(victim, name):
    text = victim.paths.resolved_yaml.read_text().replace("name: victim", f"name: {json.dumps(name)}")
    for path in (victim.paths.resolved_yaml, victim.project / "victim.yaml"):
        path.write_text(text)
    assert {ended.code for ended in victim.survives()} == {5}
    run = victim.sweep("run", "victim.yaml")
    assert run.code == 2 and "name  is not well formed" in run.err

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trainer import feed
from trainer.batch import Batch
from trainer.data.source import LazySplit, Normaliser, Split
from trainer.feed import Feed, InOrder, Loaded, Shuffled, evaluation_feed, evaluation_rows, training_feed
from trainer.settings import LoopSettings
from trainer.signature import Signature

ROWS = 41
BYTES = Split(
    torch.arange(ROWS * 6, dtype=torch.uint8).reshape(ROWS, 2, 3), torch.arange(ROWS, dtype=torch.int64)
)
WEIGHTS = torch.linspace(0.5, 1.5, ROWS)
NORMALISE = Normaliser(0.5, torch.tensor(3.0), torch.tensor(7.0))


class OneByOne(Dataset[tuple[Tensor, Tensor]]):
    """Counts what it reads, where it is read in the same process."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.reads = 0

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        self.reads += 1
        return self.split.inputs[row], self.split.targets[row]


def lazy(split: Split = BYTES) -> LazySplit:
    return LazySplit(OneByOne(split), split.targets)


def settings(loader: str, workers: int = 0) -> LoopSettings:
    return LoopSettings(loader=loader, loader_workers=workers)  # type: ignore[arg-type]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def passes(feed: Feed, count: int = 2) -> list[Batch]:
    batches = [list(feed) for _ in range(count)]
    assert {len(each) for each in batches} == {len(feed)}
    return list(itertools.chain(*batches))


def assert_same(first: list[Batch], second: list[Batch]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.inputs.equal(other.inputs) and one.targets.equal(other.targets)
        assert (one.weights is None) == (other.weights is None)
        assert one.weights is None or one.weights.equal(other.weights)


@pytest.mark.parametrize("kind", [Split, LazySplit])
@pytest.mark.parametrize(("loader", "workers"), [("auto", 0), ("memory", 1), ("workers", 0), ("workers", 2)])
@pytest.mark.parametrize("prepare", [NORMALISE, None])
def test_training_sees_the_same_batches_whatever_the_loader(
    kind: type, loader: str, workers: int, prepare: Normaliser | None
) -> None:
    expected = passes(training_feed(BYTES, settings("memory"), 8, "cpu", prepare, generator(), WEIGHTS))
    split = BYTES if kind is Split else lazy()
    found = training_feed(split, settings(loader, workers), 8, "cpu", prepare, generator(), WEIGHTS)
    assert isinstance(found, Loaded if loader == "workers" else Shuffled)
    assert_same(passes(found), expected)


@pytest.mark.parametrize("loader", ["memory", "workers"])
def test_a_pass_is_every_row_once_in_a_new_order(loader: str) -> None:
    found = training_feed(BYTES, settings(loader), 8, "cpu", NORMALISE, generator(), WEIGHTS)
    orders = []
    for _ in range(2):
        batches = list(found)
        order = torch.cat([batch.targets for batch in batches])
        assert sorted(order.tolist()) == list(range(ROWS))
        torch.testing.assert_close(torch.cat([b.inputs for b in batches]), NORMALISE(BYTES.inputs[order]))
        assert torch.cat([b.weights for b in batches if b.weights is not None]).equal(WEIGHTS[order])
        assert [len(batch) for batch in batches] == [8, 8, 8, 8, 9]  # the single row left over joins
        orders.append(order)
    assert not orders[0].equal(orders[1])


@pytest.mark.parametrize("loader", ["memory", "workers"])
def test_a_pass_that_is_left_early_does_not_disturb_the_next(loader: str) -> None:
    workers = 2 if loader == "workers" else 0
    found = training_feed(BYTES, settings(loader, workers), 8, "cpu", NORMALISE, generator())
    for _ in found:
        break
    second = torch.cat([batch.targets for batch in found])
    expected = generator()
    torch.randperm(ROWS, generator=expected)
    assert second.equal(torch.randperm(ROWS, generator=expected))


@pytest.mark.parametrize("loader", ["memory", "workers"])
def test_reading_leaves_the_global_random_numbers_alone(loader: str) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    list(training_feed(lazy(), settings(loader), 8, "cpu", NORMALISE, generator()))
    list(evaluation_feed(lazy(), settings(loader), "cpu", NORMALISE, 10))
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(("loader", "workers"), [("memory", 0), ("workers", 0), ("workers", 2)])
@pytest.mark.parametrize("split", [BYTES, lazy()])
def test_an_evaluation_keeps_the_order_of_the_rows(
    loader: str, workers: int, split: Split | LazySplit
) -> None:
    found = evaluation_feed(split, settings(loader, workers), "cpu", NORMALISE, 10)
    for _ in range(2):
        batches = list(found)
        assert [len(batch) for batch in batches] == [10, 10, 10, 10, 1]
        assert len(found) == 5
        torch.testing.assert_close(torch.cat([b.inputs for b in batches]), NORMALISE(BYTES.inputs))
        assert torch.cat([b.targets for b in batches]).equal(BYTES.targets)


def test_inputs_prepared_under_inference_mode_can_be_trained_on_later() -> None:
    found = evaluation_feed(BYTES, settings("memory"), "cpu", NORMALISE, 10)
    with torch.inference_mode():
        list(found)
    assert not any(batch.inputs.is_inference() for batch in found)


def test_rows_in_memory_are_read_and_prepared_once() -> None:
    calls = []

    def prepare(inputs: Tensor) -> Tensor:
        calls.append(len(inputs))
        return inputs.float()

    dataset = OneByOne(BYTES)
    split = LazySplit(dataset, BYTES.targets)
    passes(training_feed(split, settings("memory"), 8, "cpu", prepare, generator()), 3)
    assert calls == [ROWS] and dataset.reads == ROWS
    measured = evaluation_feed(split, settings("memory"), "cpu", prepare, 10)
    assert calls == [ROWS] and dataset.reads == ROWS  # not before the first pass
    passes(measured, 3)
    assert calls == [ROWS] * 2 and dataset.reads == 2 * ROWS


def test_auto_keeps_in_memory_what_takes_a_quarter_of_the_free_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 41 rows of 6 numbers: 984 bytes as float32, 246 as they are.
    monkeypatch.setattr(feed, "free_memory", lambda where: 4 * 984)
    for split in (BYTES, lazy()):
        assert isinstance(evaluation_feed(split, settings("auto"), "cpu", NORMALISE, 10), InOrder)
        assert isinstance(training_feed(split, settings("auto"), 8, "cpu", NORMALISE, generator()), Shuffled)
    monkeypatch.setattr(feed, "free_memory", lambda where: 4 * 984 - 1)
    for split in (BYTES, lazy()):
        assert isinstance(evaluation_feed(split, settings("auto"), "cpu", NORMALISE, 10), Loaded)
        assert isinstance(training_feed(split, settings("auto"), 8, "cpu", NORMALISE, generator()), Loaded)
        assert isinstance(training_feed(split, settings("auto"), 8, "cpu", None, generator()), Shuffled)


def test_the_machine_has_free_memory() -> None:
    assert 2**20 < feed.free_memory("cpu") < 2**50


def test_rows_of_a_batch_that_is_only_measured() -> None:
    assert evaluation_rows(64, Signature((1, 8, 8), 10)) == 2**14
    assert evaluation_rows(64, Signature((3, 224, 224), 10)) == 256


PARENT = """
import sys, torch
from trainer.data.source import Split
from trainer.feed import training_feed
from trainer.settings import LoopSettings
torch.set_num_threads(2)
torch.randn(600, 600) @ torch.randn(600, 600)  # the parent now has threads of torch's own
split = Split(torch.randn(4096, 64), torch.zeros(4096, dtype=torch.int64))
feed = training_feed(
    split, LoopSettings(loader="workers", loader_workers=2), 32, "cpu", None, torch.Generator().manual_seed(0)
)
assert sum(len(batch) for batch in feed) == 4096
workers = [worker.pid for worker in feed._loader._iterator._workers]
print(*workers, flush=True)
if sys.argv[1] == "wait":
    sys.stdin.read()
"""


def started(end: str) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, end], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("end", ["exit", "wait"])
def test_workers_run_beside_threads_and_end_with_their_process(end: str) -> None:
    process, workers = started(end)
    assert len(workers) == 2
    if end == "wait":
        assert all(map(alive, workers))
        os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    deadline = time.monotonic() + 15
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, workers))

"""How many trials fit on a machine."""

from __future__ import annotations

import pytest

from sweeps.engines import EngineSettings, create_engine
from sweeps.engines.slots import Machine, Slot, plan_slots, this_machine, visible_gpus
from sweeps.errors import UsageError

TWO_GPUS = Machine(16, ("0", "1"))


@pytest.mark.parametrize(
    ("machine", "cpus", "gpus", "workers", "names"),
    [
        (Machine(2), 1, None, None, ["cpu0", "cpu1"]),
        (Machine(7), 2, None, None, ["cpu0", "cpu1", "cpu2"]),
        (Machine(8), 1, None, 3, ["cpu0", "cpu1", "cpu2"]),
        (TWO_GPUS, 1, None, None, ["gpu0", "gpu1"]),
        (TWO_GPUS, 4, 0, None, ["cpu0", "cpu1", "cpu2", "cpu3"]),
        (TWO_GPUS, 1, 0.5, None, ["gpu0.0", "gpu1.0", "gpu0.1", "gpu1.1"]),
        (TWO_GPUS, 1, 0.5, 2, ["gpu0.0", "gpu1.0"]),
        (Machine(16, ("0",)), 1, 0.1, None, [f"gpu0.{turn}" for turn in range(10)]),
        (Machine(16, ("0",)), 1, 0.3, None, ["gpu0.0", "gpu0.1", "gpu0.2"]),
        (Machine(16, ("0",)), 1, 0.7, None, ["gpu0.0"]),
        (TWO_GPUS, 1, 2, None, ["gpu0+1"]),
        (Machine(16, tuple("01234")), 1, 2, None, ["gpu0+1", "gpu2+3"]),
    ],
)
def test_slots(machine, cpus, gpus, workers, names):
    slots = plan_slots(cpus, gpus, workers, machine)
    assert [slot.name for slot in slots] == names
    assert all(slot.cpus == cpus for slot in slots)


def test_each_rank_of_a_trial_gets_a_gpu_where_there_are_any():
    assert [slot.name for slot in plan_slots(2, None, None, Machine(8, tuple("0123")), 2)] == [
        "gpu0+1",
        "gpu2+3",
    ]
    assert [slot.device for slot in plan_slots(2, None, None, Machine(4), 2)] == ["cpu", "cpu"]


def test_a_slot_sees_only_its_own_gpus():
    assert plan_slots(1, 0, 1, TWO_GPUS) == (Slot("cpu0", "cpu", 1, ""),)
    slot = Slot("gpu0+1", "cuda:0", 1, "3,GPU-8f1c", 2)
    assert plan_slots(1, 2, 1, Machine(8, ("3", "GPU-8f1c"))) == (slot,)


@pytest.mark.parametrize(
    ("machine", "cpus", "gpus", "message"),
    [
        (Machine(2), 4, None, "cpus: 4 and resources.gpus: 0: there are 2 CPU cores and 0 GPUs"),
        (Machine(2), 1, 1, "gpus: 1: there are 2 CPU cores and 0 GPUs"),
        (Machine(2), 1, 0.5, "gpus: 0.5: there are 2 CPU cores and 0 GPUs"),
        (TWO_GPUS, 1, 3, "gpus: 3: there are 16 CPU cores and 2 GPUs"),
        (TWO_GPUS, 1, 1.5, "a whole number from 1 on, or a share below 1, found 1.5"),
    ],
)
def test_no_room_for_one_trial_says_what_there_is(machine, cpus, gpus, message):
    with pytest.raises(UsageError, match=message):
        plan_slots(cpus, gpus, None, machine)


@pytest.mark.parametrize(
    ("value", "gpus"),
    [
        (None, ("0", "1", "2")),
        ("", ()),
        ("-1", ()),
        ("1", ("1",)),
        ("2, 0", ("2", "0")),
        ("0,-1,1", ("0",)),
        ("GPU-8f1c,MIG-33", ("GPU-8f1c", "MIG-33")),
    ],
)
def test_cuda_visible_devices_is_respected(value, gpus):
    environment = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert visible_gpus(environment, lambda: 3) == gpus


def test_this_machine_has_room():
    machine = this_machine()
    assert machine.cores >= 1
    engine = create_engine("local", EngineSettings("functions:falling", gpus=0))
    assert engine.workers == machine.cores
    engine.close()


def test_an_unknown_engine_is_refused():
    with pytest.raises(
        UsageError, match="engine must be 'inline', 'local', 'ray' or 'simulated', found 'slurm'"
    ):
        create_engine("slurm", EngineSettings("functions:falling"))

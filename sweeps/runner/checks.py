"""What is found out before anything is written: that a spec can be run on this machine, with this code."""

from __future__ import annotations

import os
from pathlib import Path

from sweeps.controller.proposals import UNIFORM_DRAWS, constraints_leave_nothing
from sweeps.engines import EngineSettings, Ranks, Simulation, create_engine
from sweeps.errors import UsageError
from sweeps.floors import require_floor
from sweeps.messages import IMPORTING
from sweeps.pruners import make_pruner
from sweeps.runner.configurations import check_configurations
from sweeps.samplers import check_sampler
from sweeps.seeding import generator
from sweeps.space import Space
from sweeps.spec import SweepSpec
from sweeps.trial import check_target
from sweeps.urls import absolute_url

_CHECK = 2  # a key that keeps these draws apart from the sweep's own


def refuse_inside_import() -> None:
    """A script that runs a sweep of its own function is imported by the workers, which must not run it again.

    Raises:
        UsageError: this process is such a worker.
    """
    if IMPORTING in os.environ:
        raise UsageError(
            "a module that holds a training function must not start a sweep when it is imported, and workers "
            'import it: put sweeps.run(...) under `if __name__ == "__main__":`'
        )


def check_runnable(spec: SweepSpec, places: tuple[Path, ...], address: str | None = None) -> None:
    """Build everything the spec names and throw it away; ``places`` is where the user's code is looked up.

    Raises:
        TargetError: a function of the user's is not there.
        UsageError: the machine has no room for a trial, a sampler or pruner does not fit, or the training
            function's own check refuses a configuration.
    """
    require_floor("torch")
    if spec.space.size() is None:
        check_constraints(spec.space, spec.seed)
    for target in filter(None, (spec.code, spec.final_test)):
        check_target(target, places)
    _check_machines(spec, places, address)
    sampler, pruner = spec.sampler, spec.pruner
    check_sampler(sampler.name, sampler.options, space=spec.space, seed=spec.seed, search_path=places)
    goal = spec.metric.goal
    make_pruner(pruner.name, pruner.options, goal=goal, epochs=spec.epochs, search_path=places)


def _check_machines(spec: SweepSpec, places: tuple[Path, ...], address: str | None) -> None:
    """That there is room for the trials, and that the training function takes their configurations."""
    settings = engine_settings(spec, places, address)
    if spec.simulated:  # nothing is trained, and there is room for as many as it likes
        check_gpus(spec, spec.resources.gpus or 0.0)
        return
    check_configurations(spec, places)
    engine = create_engine(spec.engine, settings)
    if spec.engine != "ray":  # it connects to tell, which is for the run
        check_gpus(spec, engine.gpus)
    engine.close()


def check_gpus(spec: SweepSpec, gpus: float) -> None:
    """A budget of GPU hours must be spent some time. ``gpus`` are those of one trial.

    Raises:
        UsageError: trials have none.
    """
    if spec.budget.gpu_hours is not None and gpus == 0:
        raise UsageError(
            f"budget.gpu_hours counts the GPUs of trials, and these have none, found "
            f"{spec.budget.gpu_hours:g}: ask for some with resources: {{gpus: 1}}, or limit the sweep by "
            "budget.wall"
        )


def check_constraints(space: Space, seed: int) -> None:
    """An infinite space must leave something to draw; a finite one was counted with the YAML.

    Raises:
        UsageError: next to no random configuration holds the constraints.
    """
    rng = generator(seed, _CHECK)
    if space.constraints and not any(space.allows(space.uniform(rng)) for _ in range(UNIFORM_DRAWS)):
        raise constraints_leave_nothing()


def with_absolute_storage(spec: SweepSpec) -> SweepSpec:
    """A SQLite file is where the command was given, from wherever the sweep is resumed or read."""
    if spec.storage is None:
        return spec
    return spec.model_copy(update={"storage": absolute_url(spec.storage)})


def engine_settings(
    spec: SweepSpec,
    places: tuple[Path, ...],
    address: str | None = None,
    folder_id: str = "",
    folder: Path | None = None,
) -> EngineSettings:
    """What an engine needs to know of a spec. ``address`` is that of a Ray cluster, ``folder_id`` tells the
    sweep's checkpoints from others' in one storage, ``folder`` is where its results are.

    Raises:
        UsageError: what only Ray has a use for is given to another engine.
    """
    if spec.engine != "ray":
        _refuse_what_ray_has(spec, address)
    return EngineSettings(
        train=spec.train,
        test=spec.test,
        search_path=places,
        cpus=spec.resources.cpus,
        gpus=spec.resources.gpus,
        workers=spec.workers,
        isolation=spec.isolation,
        max_trials_per_worker=spec.max_trials_per_worker,
        report_timeout=spec.timeout.report,
        trial_timeout=spec.timeout.trial,
        memory=spec.resources.memory,
        custom=spec.resources.custom,
        storage=spec.storage_path and f"{spec.storage_path.rstrip('/')}/{spec.name}-{folder_id}",
        address=address,
        folder=folder,
        ranks=_ranks(spec),
        curves=spec.curves if spec.engine == "simulated" else None,
        simulation=Simulation(seed=spec.seed, **spec.simulation.model_dump()),
    )


def _ranks(spec: SweepSpec) -> Ranks | None:
    if spec.distributed is None:
        return None
    assert spec.distributed.ranks is not None  # they were counted when the file was read
    return Ranks(spec.distributed.ranks, spec.distributed.backend)


def _refuse_what_ray_has(spec: SweepSpec, address: str | None) -> None:
    given = [f"resources.{key}" for key in ("memory", "custom") if getattr(spec.resources, key)]
    given += ["storage_path"] if spec.storage_path is not None else []
    given = [] if spec.simulated else given  # a simulation runs what is meant for a cluster
    given += ["--address"] if address is not None else []
    if given:
        need = "needs" if len(given) == 1 else "need"
        raise UsageError(
            f"{' and '.join(given)} {need} engine: ray, and the engine is {spec.engine}: add "
            f"--set engine=ray, or leave {'it' if len(given) == 1 else 'them'} out"
        )

"""Whether the ranks of a trial fit its resources and engine, and how many they are where that is not said."""

from __future__ import annotations

from sweeps.space.wording import show
from sweeps.spec.model import Settings
from sweeps.spec.problems import Reporter


def settle_ranks(settings: Settings, reporter: Reporter) -> Settings:
    """``settings`` with the ranks of a distributed trial counted, and a core for each where none are given.

    What does not fit is reported.
    """
    if settings.distributed is None:
        return settings
    if settings.engine == "inline":
        reporter.value(
            ("distributed",),
            "needs several processes, and engine: inline has one (ddp): use engine: local or ray",
        )
    ranks = _ranks(settings, reporter)
    if ranks is None:
        return settings
    _check_gpus(settings, ranks, reporter)
    distributed = settings.distributed.model_copy(update={"ranks": ranks})
    resources = settings.resources
    if "cpus" not in resources.model_fields_set:
        resources = resources.model_copy(update={"cpus": ranks})
    elif resources.cpus < ranks:
        rule = f"must be at least 1 for each of the {ranks} ranks of a trial"
        reporter.value(
            ("resources", "cpus"), f"{rule} ({resources.cpus}): write {ranks}, or leave it out for that"
        )
    return settings.model_copy(update={"distributed": distributed, "resources": resources})


def _ranks(settings: Settings, reporter: Reporter) -> int | None:
    """None where they cannot be counted, which is reported."""
    gpus = settings.resources.gpus
    if gpus is not None and 0 < gpus < 1:
        rule = "must be whole GPUs for a distributed trial, whose ranks cannot share one"
        reporter.value(("resources", "gpus"), f"{rule} ({show(gpus)}): write 1 or more, or 0 for none")
        return None
    given = settings.distributed.ranks if settings.distributed else None
    if given is None and not gpus:
        rule = "needs the number of its ranks where resources.gpus does not give it"
        reporter.value(("distributed",), f"{rule}: write {{name: ddp, ranks: 2}}, or resources: {{gpus: 2}}")
        return None
    return given or int(gpus or 0)


def _check_gpus(settings: Settings, ranks: int, reporter: Reporter) -> None:
    gpus = settings.resources.gpus
    if gpus and gpus % ranks:
        rule = f"must be a multiple of the number of ranks, which is {ranks}"
        more = ranks * max(1, round(gpus / ranks))
        reporter.value(("resources", "gpus"), f"{rule} ({gpus:g}): write {more}, or change ranks")
    if gpus == 0 and settings.distributed and settings.distributed.backend == "nccl":
        rule = "needs GPUs, and resources.gpus is 0"
        reporter.value(("distributed", "backend"), f"{rule} (nccl): write gloo, or leave it out")

"""Sound sweeps: every key and kind of parameter, conditions, constraints, samplers, pruners, enqueued trials.

The plain keys come from the JSON schema, so that a new one is among them without a word here; what the schema
cannot say (how keys depend on each other) is settled in `sweeps_of`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from sweeps.pruners import registry as pruners
from sweeps.samplers import registry as samplers
from sweeps.space import Space
from sweeps.spec import json_schema
from tests.fuzz.schema import PRINTABLE, values_of

# Names of parameters that YAML 1.1 or 1.2 reads as something else are among them.
NAMES = st.sampled_from(["a", "b", "lr", "no", "null", "on", "y", "true", "e1", "_", "x_1", "lambda"])
TRICKY = st.sampled_from(
    ["1e-4", "no", "yes", "010", "0x1F", "~", "1_0", "<<", "=", "2024-01-31", "a: b", "# c", " x ", "'", '"']
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=6)
FLOATS = st.floats(-1e9, 1e9, allow_nan=False, allow_subnormal=False)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1), FLOATS, TEXT, TRICKY, st.text(PRINTABLE)
)

SAMPLERS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "auto": {},
    "random": {},
    "grid": {},
    "qmc": {"qmc_type": st.sampled_from(["sobol", "halton"]), "scramble": st.booleans()},
    "tpe": {
        "n_startup_trials": st.integers(0, 50),
        "n_ei_candidates": st.integers(1, 50),
        "multivariate": st.booleans(),
        "constant_liar": st.none() | st.booleans(),
    },
    "cmaes": {
        "n_startup_trials": st.integers(0, 50),
        "sigma0": st.none() | st.floats(0.01, 10),
        "popsize": st.none() | st.integers(2, 50),
        "with_margin": st.booleans(),
    },
    "gp": {"n_startup_trials": st.integers(0, 50), "deterministic_objective": st.booleans()},
    "nsga2": {
        "population_size": st.integers(2, 50),
        "mutation_prob": st.none() | st.floats(0, 1),
        "crossover_prob": st.floats(0, 1),
        "swapping_prob": st.floats(0, 1),
    },
    "multifidelity": {"n_startup_trials": st.integers(1, 50), "exploration": st.floats(0, 1)},
    "my_samplers:make": {"any": SCALARS},
}
SAMPLERS["motpe"] = SAMPLERS["tpe"]
METRICS = ["val_loss", "latency", "no", "net.size", "größe", "1e-4"]
LIMITS = ["latency <= 50", "0.1 < val_loss and latency + 1 < 9", "not (val_loss > 3) or net.size == 2"]
_WAIT = {"n_startup_trials": st.integers(0, 9), "n_warmup_steps": st.integers(0, 9)}
_WAIT |= {"interval_steps": st.integers(1, 5), "n_min_trials": st.integers(1, 5)}
PRUNERS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "auto": {},
    "none": {},
    "asha": {"min_epochs": st.integers(1, 9), "reduction_factor": st.integers(2, 5)},
    "median": _WAIT,
    "percentile": {"percentile": st.floats(0, 100), **_WAIT},
    "hyperband": {"min_resource": st.integers(1, 9), "reduction_factor": st.integers(2, 5)},
    "patient": {"patience": st.integers(0, 9), "wrapped": st.sampled_from(["none", "median"])},
    "threshold": {"lower": st.floats(-9, 0), "upper": st.floats(0, 9)},
    "wilcoxon": {"p_threshold": st.floats(0, 1), "n_startup_steps": st.integers(0, 9)},
    "pbt": {"interval": st.integers(1, 4), "quantile": st.floats(0.01, 0.5), "resample": st.floats(0, 1)},
    "multifidelity": {"chance": st.floats(0, 0.9), "startup_trials": st.integers(2, 50)},
    "my_pruners.py:make": {"list": st.lists(SCALARS, max_size=3)},
}
_NEEDED = {"percentile", "patience", "lower", "interval"}


def all_are_covered() -> bool:
    """Whether every sampler and pruner of ours has its strategy."""
    return set(samplers.REGISTRY) <= set(SAMPLERS) and set(pruners.REGISTRY) <= set(PRUNERS)


@st.composite
def component(draw, known: dict[str, dict[str, st.SearchStrategy[Any]]], without: set[str]) -> Any:
    name = draw(st.sampled_from([name for name in known if name not in without]))
    options = {key: value for key, value in known[name].items() if key not in _NEEDED}
    needed = {key: value for key, value in known[name].items() if key in _NEEDED}
    written = draw(st.fixed_dictionaries(needed, optional=options))
    return {"name": name, **written} if written else draw(st.sampled_from([name, {"name": name}]))


@st.composite
def domain(draw) -> dict[str, Any]:
    kind = draw(st.sampled_from(["values", "int", "float", "log", "log_int", "step"]))
    if kind == "values":
        return {"values": draw(st.lists(SCALARS, min_size=1, max_size=4, unique_by=lambda v: (type(v), v)))}
    if kind in ("int", "log_int"):
        low = draw(st.integers(1, 50))
        step = {"step": draw(st.integers(1, 3))} if kind == "int" else {"log": True}
        return {"min": low, "max": low + draw(st.integers(3, 50)), **step}
    if kind == "log":
        return {"min": draw(st.floats(1e-8, 0.5)), "max": draw(st.integers(1, 99)), "log": True}
    low = draw(st.floats(-5, 5))
    step = {"step": draw(st.sampled_from([0.1, 0.25, 0.3]))} if kind == "step" else {}
    return {"min": low, "max": low + draw(st.floats(0.5, 9.0)), **step}


@st.composite
def parameters(draw, names: st.SearchStrategy[str] = NAMES, depth: int = 0) -> dict[str, Any]:
    """Ranges, choices and groups; conditions name choices and integers declared before, on the same level."""
    written: dict[str, Any] = {}
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        if depth < 2 and draw(st.integers(0, 4)) == 0:
            written[name] = {"parameters": draw(parameters(names, depth + 1))}
        else:
            written[name] = draw(domain())
        earlier = [other for other in written if other != name and _met_by(written[other])]
        if earlier and draw(st.booleans()):
            other = draw(st.sampled_from(earlier))
            some = draw(st.lists(st.sampled_from(_met_by(written[other])), min_size=1, max_size=2))
            written[name]["when"] = {other: some if len(some) > 1 else some[0]}
    return written


def _met_by(entry: dict[str, Any]) -> list[Any]:
    """Values that a condition on the parameter may ask for; one that has a condition itself is left out."""
    if "parameters" in entry or "when" in entry:
        return []
    if "values" in entry:
        return entry["values"]
    return [entry["min"]] if isinstance(entry["min"], int) and isinstance(entry["max"], int) else []


@st.composite
def constraint(draw, written: dict[str, Any]) -> str:
    """One that every configuration holds, so that something is left of the space."""
    ranged = {name: entry for name, entry in written.items() if "min" in entry and name != "lambda"}
    name = draw(st.sampled_from(sorted(ranged)))
    low, high = ranged[name]["min"], ranged[name]["max"]
    other = draw(st.sampled_from(sorted(ranged)))
    templates = [
        f"{name} <= {high!r}",
        f"{low!r} <= {name} <= {high!r} and not {name} < {low!r}",
        f"min({name}, {other}) <= max({name}, {other})",
        f"abs({name} - {other}) >= 0 or {name} == {low!r}",
        f"{name} + {other} <= {high + ranged[other]['max']!r} + 0.001",
        f"{name} in [{low!r}, {high!r}] or {name} * 0 == 0",
    ]
    return draw(st.sampled_from(templates))


@cache
def plain_keys() -> st.SearchStrategy[dict[str, Any]]:
    """Everything that the schema knows all of."""
    schema = json_schema()
    own = {"fixed", "parameters", "constraints", "enqueue", "sampler", "pruner", "distributed", "storage"}
    own |= {"metric", "metric_constraints"}
    keys = {key: value for key, value in schema["properties"].items() if key not in own}
    required = [key for key in schema["required"] if key in keys]
    return values_of({"type": "object", "properties": keys, "required": required}, schema["$defs"])


@st.composite
def metric(draw) -> dict[str, Any] | list[Any]:
    """One metric, or several."""
    goals = st.sampled_from(["minimize", "maximize"])
    written = [
        {"name": name, "goal": draw(goals)}
        for name in draw(st.lists(st.sampled_from(METRICS), min_size=1, max_size=5, unique=True))
    ]
    if len(written) == 1:
        return written[0]
    return [entry["name"] if draw(st.booleans()) else entry for entry in written]


STORAGES = ["sqlite:///study.db", "postgresql://host/database", "postgresql+psycopg://me@host:5432/d"]
FIXED = st.recursive(
    SCALARS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=2), max_leaves=4
)


@st.composite
def sweeps_of(draw) -> dict[str, Any]:
    """A sound sweep without enqueued trials, as the mapping of its file."""
    document = draw(plain_keys())
    document["epochs"] = draw(st.integers(10, 100))  # above every option that must be below it
    document["parameters"] = written = draw(parameters())
    if any("min" in entry and name != "lambda" for name, entry in written.items()) and draw(st.booleans()):
        document["constraints"] = draw(st.lists(constraint(written), max_size=2))
    if draw(st.booleans()):
        document["fixed"] = draw(st.dictionaries(NAMES.map("fixed_{}".format), FIXED, max_size=3))
    if draw(st.booleans()):
        document["metric"] = draw(metric())
    if draw(st.booleans()):
        document["metric_constraints"] = draw(st.lists(st.sampled_from(LIMITS), max_size=2))
    several = isinstance(document.get("metric"), list)
    alone = not several and not document.get("metric_constraints")
    if draw(st.booleans()):
        without = set() if _finite(written) else {"grid"}
        without |= set() if alone else samplers.ONE_METRIC
        document["sampler"] = draw(component(SAMPLERS, without))
    if draw(st.booleans()):
        without = set() if _explorable(written) else {"pbt"}
        document["pruner"] = draw(component(PRUNERS, without | ({"multifidelity"} if several else set())))
    if draw(st.booleans()):
        document["storage"] = draw(st.sampled_from(STORAGES))
    if document.get("engine") == "simulated" and document.get("curves") is None:
        document["curves"] = "my_curves:factory"
    document["budget"] = (document.get("budget") or {}) | {"trials": draw(st.integers(2, 1000))}
    if document.get("engine") != "inline" and draw(st.booleans()):
        ranks = draw(st.integers(1, 4))
        document["distributed"] = {"name": "ddp", "ranks": ranks}
        document["resources"] = {
            "cpus": ranks + draw(st.integers(0, 4)),
            "gpus": ranks * draw(st.integers(0, 2)),
        }
    elif "resources" in document:
        document["resources"]["memory"] = draw(st.sampled_from([None, 1, "0.5B", "512MiB", "4GB", "9TiB"]))
        document["resources"]["gpus"] = draw(st.sampled_from([None, 0, 0.25, 1, 2.0]))
    return document


def _finite(written: dict[str, Any]) -> bool:
    """Whether a grid can list it: few configurations, as each choice has at most 4."""
    leaves = [entry for entry in written.values() if "parameters" not in entry]
    return len(leaves) == len(written) <= 3 and all("values" in entry for entry in leaves)


def _explorable(written: dict[str, Any]) -> bool:
    ranges = [entry for entry in written.values() if "min" in entry and "when" not in entry]
    return any(isinstance(entry[end], float) for entry in ranges for end in ("min", "max"))


def enqueued(space: Space, seed: int) -> list[dict[str, Any]]:
    """Configurations of the space as a file lists them, some nested and some with dotted names."""
    rng = np.random.default_rng(seed)
    drawn = {space.key(params): params for params in (space.uniform(rng) for _ in range(4))}
    return [
        _nested(params) if rng.random() < 0.5 else dict(params)
        for params in drawn.values()
        if space.allows(params)
    ]


def _nested(params: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in params.items():
        *groups, last = name.split(".")
        inner = nested
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[last] = value
    return nested

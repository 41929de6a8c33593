"""`sweep check` and `sweep schema`: what a file means, before anything is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sweeps.cli.console import pairs, print_json
from sweeps.errors import TargetError
from sweeps.printable import printable
from sweeps.runner import check_runnable, pruner_of, sampler_of, search_path, warm_start
from sweeps.seeding import generator
from sweeps.spec import SweepSpec, json_schema, load_spec
from sweeps.spec.model import Component

_IMPORT = """
import sys
from pathlib import Path
from sweeps.errors import SweepError
from sweeps.trial import load_function
try:
    for target in sys.argv[2:]:
        load_function(target, [Path(place) for place in sys.argv[1].split(chr(10))])
except SweepError as error:
    sys.exit(str(error))
"""


def check_command(path: Path, overrides: Sequence[str], samples: int, import_: bool, *, as_json: bool) -> int:
    spec = load_spec(path, overrides)
    check_runnable(spec, search_path(spec))
    taken = warm_start.described(warm_start.take(spec, search_path(spec)))
    if import_:
        _import_functions(spec)
    drawn = _samples(spec, samples)
    if as_json:
        print_json("check", _document(spec, drawn, taken))
        return 0
    print(spec.resolved(), end="")
    print(f"\n# configurations: {_size(spec)}")
    for line in _meant(spec):
        print(f"# {line}")
    for line in taken:
        print(printable(f"# {line}"))
    for params in drawn:
        print(f"# sample: {pairs(params)}")
    return 0


def schema_command() -> int:
    print(json.dumps(json_schema(), indent=2))
    return 0


def _document(spec: SweepSpec, drawn: list[dict[str, Any]], taken: list[str]) -> dict[str, Any]:
    sizes = {"configurations": spec.space.size(), "at_most": spec.space.size_bound()}
    used = {"sampler": _named(sampler_of(spec)), "pruner": _named(pruner_of(spec)), "warm_start": taken}
    return {"name": spec.name, "resolved": spec.resolved(), **sizes, **used, "samples": drawn}


def _named(component: Component) -> dict[str, Any]:
    return {"name": component.name, **component.options}


def _meant(spec: SweepSpec) -> list[str]:
    """What each ``auto`` stands for in this sweep."""
    return [
        f"{kind}: auto means {' '.join([meant.name, pairs(meant.options)]).strip()}"
        for kind, asked, meant in (
            ("sampler", spec.sampler, sampler_of(spec)),
            ("pruner", spec.pruner, pruner_of(spec)),
        )
        if asked.name == "auto"
    ]


def _size(spec: SweepSpec) -> str:
    size, bound = spec.space.size(), spec.space.size_bound()
    if size is not None:
        return f"{size:,}"
    return "infinitely many" if bound is None else f"at most {bound:,}"


def _samples(spec: SweepSpec, count: int) -> list[dict[str, Any]]:
    """``count`` random configurations that hold the constraints, or as many as are found in 1,000 draws."""
    rng = generator(spec.seed, 0)
    drawn = (spec.space.uniform(rng) for _ in range(1000))
    allowed = (params for params in drawn if spec.space.allows(params))
    return [params for params, _ in zip(allowed, range(count), strict=False)]


def _import_functions(spec: SweepSpec) -> None:
    """Import what the YAML names, in a process of its own: user code never runs in this one.

    Raises:
        TargetError: it does not import.
    """
    targets = [target for target in (spec.code, spec.final_test) if target is not None]
    places = "\n".join(str(place) for place in search_path(spec))
    command = [sys.executable, "-c", _IMPORT, places, *targets]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise TargetError(result.stderr.strip())

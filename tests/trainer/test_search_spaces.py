from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sweeps.spec import load_spec
from trainer.config import parse

FILES = sorted((Path(__file__).parents[2] / "search_spaces").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_ready_made_space_holds_what_the_trainer_accepts(path: Path) -> None:
    spec = load_spec(path)
    assert (spec.train, spec.test, spec.name) == ("trainer:train", "trainer:test", path.stem)
    random = np.random.default_rng(0)
    for _ in range(300):
        parse(spec.space.config(spec.space.uniform(random)))
    for params in spec.enqueue:
        parse(spec.space.config(params))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_ready_made_space_trains(path: Path, run: Callable) -> None:
    space = load_spec(path).space
    random = np.random.default_rng(1)
    for number in range(4):
        assert run(space.config(space.uniform(random)), folder=str(number)).reports

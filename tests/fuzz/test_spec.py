"""Sound files come back from what they resolve to; whatever is done to them, they load or are explained."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from sweeps.errors import SpecError
from sweeps.spec import SweepSpec, load_spec
from tests.fuzz.examples import faults, few, many
from tests.fuzz.harm import harmed
from tests.fuzz.specs import all_are_covered, enqueued, sweeps_of
from tests.fuzz.yaml_text import as_block, as_flow

SECONDS = 1.0  # of processor time, for any file
FILE = Path("s.yaml")
PLACED = re.compile(r"s\.yaml:[1-9]\d*:[1-9]\d*  ")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Every example writes the same file: what has been loaded needs it no more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("spec"))
        yield


def load(content: bytes, seconds: float = SECONDS) -> SweepSpec:
    """The spec of a file with this content, read in time.

    Raises:
        SpecError: with every line in place; any other exception is what is looked for.
    """
    FILE.write_bytes(content)
    begun = time.process_time()
    try:
        return load_spec(FILE)
    except SpecError as error:
        assert error.problems
        assert [line for line in error.problems if not PLACED.match(line)] == []
        raise
    finally:
        if time.process_time() - begun > seconds:  # or was it this process's garbage?
            assert again() < seconds


def again() -> float:
    begun = time.process_time()
    with contextlib.suppress(SpecError):
        load_spec(FILE)
    return time.process_time() - begun


@st.composite
def files(draw) -> str:
    """A sound file, enqueued trials included."""
    document = draw(sweeps_of())
    try:
        space = load(as_block(document).encode()).space
    except SpecError as error:
        raise AssertionError(f"{error}\n{as_block(document)}") from error
    if draw(st.booleans()):
        document["enqueue"] = enqueued(space, draw(st.integers(0, 9)))
    return as_block({key: document[key] for key in draw(st.permutations(list(document)))})


def test_every_sampler_and_pruner_is_among_them():
    assert all_are_covered()


def comes_back(text: str) -> None:
    note(text)
    spec = load(text.encode())
    resolved = spec.resolved()
    again = load(resolved.encode())
    assert spec.difference(again) == []
    assert again == spec and hash(again) == hash(spec)
    assert again.space == spec.space
    assert [space_key(again, params) for params in again.enqueue] == [
        space_key(spec, params) for params in spec.enqueue
    ]
    assert again.resolved() == resolved


def space_key(spec: SweepSpec, params: dict[str, Any]):
    return spec.space.key(params)


@few(100)
@given(files())
def test_a_sound_file_comes_back_from_what_it_resolves_to(text):
    comes_back(text)


@faults
@many(1_000)
@given(files())
def test_many_sound_files_come_back(text):
    comes_back(text)


def loads_or_is_explained(content: bytes) -> None:
    note(repr(content))
    try:
        spec = load(content)
    except SpecError as error:
        foreign = ("Input should", "validation", "type=", "NoneType", "Traceback")
        assert not any(word in line for word in foreign for line in error.problems)
        return
    assert load(spec.resolved().encode()) == spec


@few(200)
@given(harmed())
def test_a_harmed_file_loads_or_is_explained(content):
    loads_or_is_explained(content)


@faults
@many(3_000)
@given(harmed())
def test_many_harmed_files_load_or_are_explained(content):
    loads_or_is_explained(content)


@few(100)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode(errors="surrogatepass")))
def test_anything_at_all_loads_or_is_explained(content):
    loads_or_is_explained(content)


HEAD = "version: 1\nname: small\ntrain: my_cnn:train\nepochs: 3\nbudget: {trials: 5}\nparameters:\n"
NUMBERS = "  a: {min: 1, max: 3000}\n  b: {min: 1, max: 300}\n"
MANY = range(200)
LARGE = {
    "a grid under many constraints": f"{HEAD}{NUMBERS}sampler: grid\nconstraints: {['a * b > 0'] * 300}\n",
    "constraints that leave nothing": f"{HEAD}{NUMBERS}constraints: {['a * b > 0'] * 3000 + ['a < 0']}\n",
    "unknown names in conditions": HEAD
    + "".join(f"  parameter{i}: {{min: 0, max: 9, when: {{paramxter{i}: 1}}}}\n" for i in MANY),
    "unknown choices": f"{HEAD}  a: {{values: {[f'parameter{i}' for i in range(4000)]}}}\nenqueue: "
    f"{as_flow([{'a': f'paramxter{i}'} for i in MANY])}\n",
}


@pytest.mark.parametrize("content", LARGE.values(), ids=LARGE)
def test_a_large_file_is_read_in_time(content):
    with contextlib.suppress(SpecError):
        load(content.encode(), seconds=3 * SECONDS)  # each took minutes without its limit

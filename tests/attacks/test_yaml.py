"""YAML that is meant to execute, to explode or to mean two things: an error of a line, and soon."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from sweeps.errors import SpecError
from sweeps.spec import load_spec
from sweeps.urls import mask_password

HEAD = """\
version: 1
name: bad
train: my_cnn:train
epochs: 3
budget: {trials: 5}
parameters:
  lr: {min: 0.1, max: 1.0}
"""
LAUGHS = "a: &a [lol, lol]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(100))
BOMBS = {
    "billion laughs": (LAUGHS, "has an anchor (&a)"),
    "aliases of aliases": (HEAD + "fixed: &f {a: *f}", "is an alias (*f)"),
    "brackets": ("[" * 500_000, "nested more than 32 deep"),
    "braces": ("{a: " * 200_000, "nested more than 32 deep"),
    "indented": ("".join(" " * i + "a:\n" for i in range(1400)), "nested more than 32 deep"),
    "keys of keys": ("? " * 300_000, "nested more than 32 deep"),
    "dashes": ("- " * 300_000, "nested more than 32 deep"),
    "digits": (HEAD + "seed: " + "9" * 1_000_000, "is outside 64 bits"),
    "hex digits": (HEAD + "seed: 0x" + "f" * 1_000_000, "is outside 64 bits"),
    "exponent": (HEAD + "fixed: {a: 1e999999999}", "must be finite"),
    "large file": ("a: b\n" * 2_000_000, "a file has at most 1 MiB"),
    "many keys": (HEAD + "".join(f"budgett{i}: 1\n" for i in range(9_900)), "more than 10000 keys"),
    "many unknown keys": (HEAD + "".join(f"budgett{i}: 1\n" for i in range(4_900)), "is not a known key"),
    "many twins": (HEAD + "seed: 1\n" * 9_000, "is given twice"),
    "many documents": ("---\n" * 200_000, "begins a second document"),
    "python tag": ("!!python/object/apply:os.system ['touch executed']", "has a tag"),
    "python name": (HEAD + "fixed: {a: !!python/name:os.system }", "has a tag"),
    "python module in a key": (HEAD + "!!python/module:os : 1", "has a tag"),
    "merge key": (HEAD + "fixed: {<<: {a: 1}}", "has a merge key"),
    "two meanings": (HEAD + "seed: 1\nseed: 2\n", "is given twice"),
    "utf-16": (HEAD.encode("utf-16"), "is not UTF-8"),
    "latin-1": (b"name: \xe9", "is not UTF-8"),
    "a mark inside": (HEAD.encode() + b"fixed: {a: \xef\xbb\xbfx}", "control character (U+FEFF)"),
    "nul": (HEAD + "fixed: {a: \0}", "control character (U+0000)"),
    "escape": (HEAD + 'fixed: {a: "\\e[2J"}', "control character (U+001B)"),
    "long expression": (
        HEAD + f"constraints: ['{'(' * 5_000}lr{')' * 5_000} > 0']",
        "at most 500 characters",
    ),
    "address that looks like many": (HEAD + f"storage: '{'://a:' * 150_000}'", "is not well formed"),
    "options that look like many": (
        HEAD + f"storage: 'postgresql://h/?{'&password=' * 80_000}'",
        "a password",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_an_error_of_a_line(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, message = BOMBS[name]
    Path("bomb.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    begun = time.process_time()
    with pytest.raises(SpecError) as caught:
        load_spec(Path("bomb.yaml"))
    assert time.process_time() - begun < 1.0
    assert message in str(caught.value)
    assert all(len(line) < 2_000 and line.isprintable() for line in caught.value.problems)
    assert not Path("executed").exists()


@pytest.mark.parametrize("name", ["billion laughs", "brackets", "large file"])
def test_a_bomb_takes_little_memory(tmp_path, name):
    content, _ = BOMBS[name]
    (tmp_path / "bomb.yaml").write_text(content)
    tracemalloc.start()
    with pytest.raises(SpecError):
        load_spec(tmp_path / "bomb.yaml")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_a_byte_order_mark_at_the_beginning_is_let_pass(tmp_path):
    (tmp_path / "mark.yaml").write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert load_spec(tmp_path / "mark.yaml").name == "bad"


def test_looking_for_passwords_takes_time_in_proportion_to_the_text():
    for text in ("://a:" * 200_000, "a://b:c@" * 100_000, "://" * 300_000 + ":@", "?password=" * 100_000):
        begun = time.process_time()
        mask_password(text)
        assert time.process_time() - begun < 1.0

"""How text becomes values, and which files are refused whole."""

from __future__ import annotations

import pytest

from sweeps.spec import load_spec
from tests.spec.helpers import HEAD, SMALL, load, problems


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-4", 1e-4),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-2.5E+3", -2500.0),
        ("3", 3),
        ("+3", 3),
        ("-0", 0),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("n", "n"),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nULL", "nULL"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("'null'", "null"),
        ("=", "="),
        ("e3", "e3"),
        (".", "."),
        ("1e", "1e"),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_scalars_are_read_as_yaml_1_2(tmp_path, written, value):
    found = load(tmp_path, f"{SMALL}fixed:\n  x: {written}\n").space.fixed["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("name", ["no", "on", "yes", "off", "y", "n"])
def test_keys_that_yaml_1_1_reads_as_booleans_are_names(tmp_path, name):
    spec = load(tmp_path, f"{HEAD}parameters: {{{name}: {{values: [1]}}}}")
    assert spec.space.names == (name,)


def test_block_text_and_comments_are_read(tmp_path):
    spec = load(
        tmp_path, f"{SMALL}fixed:\n  x: |\n    two\n    lines\n  y: >-\n    one\n    line # no comment\n"
    )
    assert spec.space.fixed == {"x": "two\nlines\n", "y": "one line # no comment"}


def test_a_byte_order_mark_and_windows_line_ends_are_harmless(tmp_path):
    text = b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode()
    assert load(tmp_path, text).source == text
    assert problems(tmp_path, text + b"foo: 1\r\n")[0].startswith("s.yaml:8:1  foo  ")


def test_a_file_over_one_mebibyte_is_refused(tmp_path):
    text = SMALL + "#" * (1 << 20)
    assert problems(tmp_path, text) == ["s.yaml:1:1  is too large (1048577 bytes): a file has at most 1 MiB"]


def test_a_file_of_one_mebibyte_is_read(tmp_path):
    assert problems(tmp_path, SMALL + "#" * ((1 << 20) - len(SMALL))) == []


def test_more_than_ten_thousand_nodes_are_refused(tmp_path):
    values = ",".join(str(number) for number in range(10_000))
    lines = problems(tmp_path, f"{SMALL}  width: {{values: [{values}]}}\n")
    assert len(lines) == 1
    assert lines[0].endswith("has more than 10000 keys and values: make the sweep smaller")


def test_endless_nesting_is_refused_early(tmp_path):
    lines = problems(tmp_path, "a: " + "[" * 100_000)
    assert lines == ["s.yaml:1:35  is nested more than 32 deep: flatten it"]


def test_an_alias_bomb_is_not_expanded(tmp_path):
    bomb = "a: &a [x, x]\n" + "".join(
        f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert sum("is an alias" in line for line in problems(tmp_path, SMALL + bomb)) == 16


@pytest.mark.parametrize("name", ["nothing.yaml", "."])
def test_a_path_that_is_no_file_is_named(tmp_path, name):
    with pytest.raises(Exception, match="cannot be read"):
        load_spec(tmp_path / name)


def test_a_misspelt_path_suggests_its_neighbour(tmp_path):
    (tmp_path / "cnn.yaml").write_text(SMALL)
    with pytest.raises(Exception, match=r'did you mean ".*/cnn.yaml"'):
        load_spec(tmp_path / "cmn.yaml")


def test_every_problem_is_one_line(tmp_path):
    (line,) = problems(tmp_path, SMALL + '"a\\nb": 1\n')
    assert line.startswith('s.yaml:8:1  "a\\nb"  is not a known key')

"""YAML text to plain data with the position of every key and value.

On PyYAML's SafeLoader, of which only the parser is used: scalars are read by YAML 1.2's core schema, and
what makes a file mean two things (duplicate keys, aliases, tags, several documents) is refused.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from sweeps.space.wording import show
from sweeps.spec.positions import KeyPath, Location, Positions
from sweeps.spec.problems import Problems
from sweeps.spec.scalars import read_plain
from sweeps.spec.yaml_text import CONTROL, Unreadable, decode

MOST_NODES = 10_000
DEEPEST = 32


class _Broken:
    """Stands in the data for a value that could not be read."""

    def __repr__(self) -> str:
        return "(unreadable)"


BROKEN = _Broken()


def load_yaml(content: bytes, start: Location, problems: Problems) -> tuple[Any, Positions]:
    """The data of one YAML document and the positions in it; ``start`` is where its text begins.

    Everything wrong is added to ``problems``; `BROKEN` stands where a value could not be read.
    """
    positions = Positions(start)
    try:
        text = decode(content, start, problems)
        return _Reader(text, positions, problems).document(), positions
    except Unreadable:
        return BROKEN, positions


class _Events(yaml.SafeLoader):
    """PyYAML's parser, with the types that its stubs leave out."""

    def following(self) -> Event:
        event: Event = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in its stubs
        return event

    def take(self) -> Event:
        event: Event = self.get_event()  # type: ignore[no-untyped-call]  # untyped in its stubs
        return event


class _Reader:
    def __init__(self, text: str, positions: Positions, problems: Problems) -> None:
        self._events = _Events(text)
        self._positions = positions
        self._problems = problems
        self._nodes = 0

    def document(self) -> Any:
        """The one document of the stream."""
        try:
            return self._only_document()
        except yaml.MarkedYAMLError as error:
            mark = error.context_mark if "end of stream" in (error.problem or "") else error.problem_mark
            place = self._at(mark)
            message = f"is not YAML: {error.problem or error.context}{_syntax_hint(error.problem or '')}"
            self._problems.add_at(place, (), message, broken=True)
            raise Unreadable from error
        except (ValueError, OverflowError) as error:  # PyYAML's own, from escapes such as "\\U00110000"
            self._problems.add_at(
                self._at(self._events.get_mark()),
                (),
                "is not YAML: an escape is outside Unicode",
                broken=True,
            )
            raise Unreadable from error

    def _only_document(self) -> Any:
        self._next(StreamStartEvent)
        if isinstance(self._events.following(), StreamEndEvent):
            self._fatal(
                self._positions.start, (), "is empty: write at least version, name, train and parameters"
            )
        self._next(DocumentStartEvent)
        data = self._node((), 1)
        self._events.take()
        following = self._events.following()
        if isinstance(following, DocumentStartEvent):
            message = "begins a second document (---): a file holds one sweep, move it to a file of its own"
            self._problems.add_at(self._at(following.start_mark), (), message)
        return data

    def _node(self, path: KeyPath, depth: int) -> Any:
        event = self._events.take()
        place = self._at(event.start_mark)
        self._positions.values[path] = place
        self._count(place, path, depth)
        self._refuse_extras(event, place, path)
        if isinstance(event, AliasEvent):
            return BROKEN
        if isinstance(event, MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path, depth)
        assert isinstance(event, ScalarEvent)
        return self._scalar(event, place, path)

    def _count(self, place: Location, path: KeyPath, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._fatal(place, (), f"has more than {MOST_NODES} keys and values: make the sweep smaller")
        if depth > DEEPEST:
            self._fatal(place, (), f"is nested more than {DEEPEST} deep: flatten it")

    def _refuse_extras(self, event: Event, place: Location, path: KeyPath) -> None:
        if isinstance(event, AliasEvent):
            message = f"is an alias (*{event.anchor}): write the value out"
            self._problems.add_at(place, path, message, broken=True)
        elif isinstance(event, NodeEvent) and event.anchor is not None:
            self._problems.add_at(
                place, path, f"has an anchor (&{event.anchor}): remove it, aliases are not read"
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            message = f"has a tag ({shown}): remove it, quotes make text of a value"
            self._problems.add_at(place, path, message, broken=True)

    def _mapping(self, path: KeyPath, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(self._events.following(), MappingEndEvent):
            place = self._at(self._events.following().start_mark)
            key = self._key(path, depth, place)
            if key is None or key in data:
                self._skip(key, path, place, depth)
                continue
            inner = (*path, key)
            self._positions.keys[inner] = place
            data[key] = self._node(inner, depth + 1)
        self._events.take()
        return data

    def _key(self, path: KeyPath, depth: int, place: Location) -> str | None:
        """The next key, or None where it is no text."""
        event = self._events.following()
        is_plain = isinstance(event, ScalarEvent) and event.style is None
        key = self._node((*path, "?"), depth + 1)
        self._positions.values.pop((*path, "?"))
        if isinstance(key, str):
            if key == "<<" and is_plain:
                self._problems.add_at(place, path, "has a merge key (<<): write the keys out")
                return None
            return key
        if key is not BROKEN:
            fix = "write a name" if isinstance(key, (list, dict)) else f'quote it, as in "{show(key)}"'
            self._problems.add_at(place, path, f"has a key that is not text ({show(key)}): {fix}")
        return None

    def _skip(self, key: str | None, path: KeyPath, place: Location, depth: int) -> None:
        """Read past the value of a refused key; a name is kept so that its problems can be placed."""
        if key is not None:
            first = self._positions.keys[(*path, key)]
            where = f"line {first.line}" if not first.override else "the same override"
            message = f"is given twice (first on {where}): remove one of them"
            self._problems.add_at(place, (*path, key), message)
        kept = dict(self._positions.values), dict(self._positions.keys)
        self._node((*path, key or "?"), depth + 1)
        self._positions.values, self._positions.keys = kept

    def _sequence(self, path: KeyPath, depth: int) -> list[Any]:
        data: list[Any] = []
        while not isinstance(self._events.following(), SequenceEndEvent):
            data.append(self._node((*path, len(data)), depth + 1))
        self._events.take()
        return data

    def _scalar(self, event: ScalarEvent, place: Location, path: KeyPath) -> Any:
        if event.tag is not None:
            return BROKEN
        control = CONTROL.search(event.value)
        if control is not None:
            message = f"holds a control character (U+{ord(control[0]):04X}): remove its escape"
            self._problems.add_at(place, path, message, broken=True)
            return BROKEN
        if event.style is not None:
            return event.value
        try:
            return read_plain(event.value)
        except ValueError:
            message = f"is outside 64 bits ({event.value[:40]}): write a smaller number, or quote it"
            self._problems.add_at(place, path, message, broken=True)
            return BROKEN

    def _next(self, expected: type[Event]) -> None:
        event = self._events.take()
        assert isinstance(event, expected)

    def _fatal(self, place: Location, path: KeyPath, message: str) -> None:
        self._problems.add_at(place, path, message, broken=True)
        raise Unreadable

    def _at(self, mark: Any) -> Location:
        """The location of one of PyYAML's marks, which count from 0."""
        start = self._positions.start
        if mark is None:
            return start
        return Location(start.override, mark.line + 1, mark.column + 1, start.source)


def _syntax_hint(problem: str) -> str:
    if "'\\t'" in problem:
        return ": indent with spaces"
    if "mapping values are not allowed" in problem:
        return ": quote a value that holds a colon and a space"
    if "expected <block end>" in problem:
        return ": check the indentation of this line"
    if "expected ',' or" in problem:
        return ": close the bracket, or add the comma"
    if "end of stream" in problem:
        return ": close what begins here"
    return ": check the quotes, brackets and indentation here"

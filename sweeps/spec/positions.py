"""Where every key and value of a document stands, so that each problem names file, line and column."""

from __future__ import annotations

from dataclasses import dataclass, field

from sweeps.space.wording import show

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, order=True, slots=True)
class Location:
    """A place in the file, or an override given beside it; overrides sort after the file."""

    override: int  # 0 in the file, else 1, 2, ... in the order given
    line: int  # from 1
    column: int  # from 1
    source: str  # the file as the user named it, or "--set a.b=c"

    def __str__(self) -> str:
        return self.source if self.override else f"{self.source}:{self.line}:{self.column}"


def dotted(path: KeyPath) -> str:
    """``parameters.lr.values[2]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part.isprintable() else show(part)
            text += f".{name}" if text else name
    return text


@dataclass
class Positions:
    """The locations of one document's keys and values; what is not there lies at its nearest owner."""

    start: Location
    keys: dict[KeyPath, Location] = field(default_factory=dict)
    values: dict[KeyPath, Location] = field(default_factory=dict)

    def of_value(self, path: KeyPath) -> Location:
        """Where the value at ``path`` begins, else where the mapping stands that lacks it."""
        if path in self.values:
            return self.values[path]
        return self.of_key(path[:-1]) if path else self.start

    def of_key(self, path: KeyPath) -> Location:
        """Where the key of ``path`` begins; for an item of a list, the item."""
        return self.keys[path] if path in self.keys else self.of_value(path)

    def override(self, path: KeyPath, location: Location) -> None:
        """Let ``path`` and all below it, and the owners it needed, stand at ``location``."""
        for table in (self.keys, self.values):
            for known in [known for known in table if known[: len(path)] == path]:
                del table[known]
        for end in range(1, len(path) + 1):
            self.keys.setdefault(path[:end], location)
            self.values.setdefault(path[:end], location)

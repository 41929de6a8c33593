"""All problems of one document, each as ``file:line:column  key.path  what is wrong (value): the rule``."""

from __future__ import annotations

from sweeps.spec.positions import KeyPath, Location, Positions, dotted
from sweeps.urls import mask_password


class Problems:
    """Collects problems; what stands in a part already known to be broken is not complained of again."""

    def __init__(self) -> None:
        self._found: dict[tuple[Location, str, str], None] = {}
        self._broken: set[KeyPath] = set()

    def __len__(self) -> int:
        return len(self._found)

    def add_at(self, location: Location, path: KeyPath, message: str, *, broken: bool = False) -> None:
        """A problem at ``location``; ``broken`` says that nothing is known of the value at ``path``."""
        self._found.setdefault((location, dotted(path), message))
        if broken:
            self._broken.add(path)

    def merge(self, other: Problems) -> None:
        """Add the problems of another text, whose broken parts are none of this one's."""
        self._found |= other._found

    def leave_open(self, path: KeyPath) -> None:
        """Say nothing more of ``path``: another problem already explains it."""
        self._broken.add(path)

    def touches_broken(self, path: KeyPath) -> bool:
        """Whether ``path`` is, or lies in, a broken part."""
        return any(path[:end] in self._broken for end in range(len(path) + 1))

    def lines(self) -> list[str]:
        """One line for each problem, in the order of the file, overrides last."""
        return [_line(*problem) for problem in sorted(self._found)]


class Reporter:
    """Adds problems to ``problems`` by key path alone."""

    def __init__(self, positions: Positions, problems: Problems) -> None:
        self._positions = positions
        self._problems = problems
        self.calls = 0  # of `value` and `key`, those on broken parts included

    def value(self, path: KeyPath, message: str) -> None:
        """Something is wrong with the value at ``path``, or it is missing."""
        self._add(self._positions.of_value(path), path, message)

    def key(self, path: KeyPath, message: str) -> None:
        """Something is wrong with the key itself at the end of ``path``."""
        self._add(self._positions.of_key(path), path, message)

    def misspelt(self, path: KeyPath, message: str, meant: KeyPath) -> None:
        """The key at the end of ``path`` is unknown; that ``meant`` is missing is then no further problem."""
        self.key(path, message)
        self._problems.leave_open(meant)

    def knows(self, path: KeyPath) -> bool:
        """Whether what stands at ``path`` is known, be it that nothing stands there."""
        return not self._problems.touches_broken(path)

    def _add(self, location: Location, path: KeyPath, message: str) -> None:
        self.calls += 1
        if not self._problems.touches_broken(path):
            self._problems.add_at(location, path, message)


def _line(location: Location, path: str, message: str) -> str:
    return mask_password("  ".join(part for part in (str(location), path, message) if part))

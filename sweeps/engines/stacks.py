"""The part of a log's end that tells why a trial failed."""

from __future__ import annotations

import re
from collections.abc import Sequence

# faulthandler writes the thread that was interrupted last, and of each thread the innermost frame first.
_BEGINNING = re.compile(r"Current thread .*\(most recent call first\):$")
_FRAME = re.compile(r'  File ".*", line (\d+|\?\?\?) in ')
_IMPORT = re.compile(r'  File "<frozen importlib\.')
_CALLS_THE_USER = re.compile(
    r'  File ".*/sweeps/(trial/attempt|trial/target|export)\.py", '
    r"line \d+ in (run_attempt|_run_user_import|run_test)$"
)


def telling(log: Sequence[str], most: int) -> list[str]:
    """At most ``most`` lines of a log's last ones: those of the end or, where it ends with the stack of a
    hanging or crashed process, its top; without the frames that lie under the user's function.
    """
    begin = max((at for at, line in enumerate(log) if _BEGINNING.match(line)), default=None)
    if begin is None:
        return list(log[-most:])
    end = begin + 1
    while end < len(log) and _FRAME.match(log[end]):
        end += 1
    lines = [*log[: begin + 1], *_users(log[begin + 1 : end]), *log[end:]]
    after = len(log) - end
    if after >= most:  # it is of an earlier attempt
        return lines[-most:]
    return lines[min(begin, max(len(lines) - most, 0)) :][:most]


def _users(frames: Sequence[str]) -> list[str]:
    calls = (at for at, frame in enumerate(frames) if _CALLS_THE_USER.match(frame))
    return [frame for frame in frames[: next(calls, len(frames))] if not _IMPORT.match(frame)]

"""How a trial gets another one's state: the one place that moves checkpoints between trials' folders."""

from __future__ import annotations

import os
import shutil
from typing import Protocol

from sweeps.paths import TrialPaths, checksum_path, replace_file


class HandOver(Protocol):
    """Keeps what ``parent`` saved last for ``child``, whatever the parent does from now on.

    Called while neither of them runs; called again for the same two, it does the same again.
    """

    def __call__(self, parent: TrialPaths, child: TrialPaths) -> None: ...


def link_checkpoint(parent: TrialPaths, child: TrialPaths) -> None:
    """`HandOver` on a file system: ``inherited.pt`` is a hard link, or a copy where there are none.

    A link is enough because checkpoints are replaced and never written in place.
    """
    target = child.inherited
    target.unlink(missing_ok=True)
    try:
        os.link(parent.last, target)
    except OSError:
        shutil.copyfile(parent.last, target)
        with open(target, "rb") as file:
            os.fsync(file.fileno())
    digest = checksum_path(parent.last).read_text().split()[0]  # the newest comes first
    replace_file(checksum_path(target), f"{digest}  {target.name}\n".encode())

"""Every error a user of sweeps can meet, as one tree.

    SweepError                      exit code 1
    ├── UsageError                  2   bad command line, bad argument, missing file
    │   ├── SpecError               2   the search-space YAML has problems (all of them listed)
    │   └── TargetError             2   the training or test function cannot be found or imported
    ├── NoUsableTrialError          4   no COMPLETE trial to choose a winner from
    ├── SystemLimitError            6   the system grants no more files, processes or memory
    │   └── DiskFullError           6   no room where results are written
    ├── RefusedError                5   doing it would falsify or overwrite results
    │   ├── LockedError             5   another driver holds the results folder
    │   └── CorruptStudyError       5   the study cannot be read back whole
    ├── FinalsError                 3   the winner was chosen, and its test or its export failed
    ├── VerificationError           7   a results folder breaks an invariant
    └── TrialError                  1   misuse of the Trial object inside a training function
        ├── Infeasible              1   raised by a training function: this configuration cannot be trained
        ├── ReportError             1   wrong epoch, two reports, missing or unusable metric
        └── CheckpointError         5   no checkpoint that is complete and hash-valid
            └── CheckpointSpaceError    no room for another one

Messages state the rule, the value found and the fix. ``exit_code`` is what `sweep` exits with.
"""

from __future__ import annotations


class SweepError(Exception):
    """Base class of every error raised on purpose by this package."""

    exit_code = 1


class UsageError(SweepError):
    """The request itself is wrong; nothing was changed on disk."""

    exit_code = 2


class SpecError(UsageError):
    """One or more problems in a search-space file; ``problems`` holds one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class TargetError(UsageError):
    """A ``module:function`` of the user cannot be found or imported."""


class NoUsableTrialError(SweepError):
    """The sweep has no COMPLETE trial, hence no winner."""

    exit_code = 4


class SystemLimitError(SweepError):
    """The system does not give a sweep what it needs; what has been written stays, and it can go on."""

    exit_code = 6


class DiskFullError(SystemLimitError):
    """There is no room for results; what has been written stays, and the sweep can go on when there is."""


class RefusedError(SweepError):
    """The request would falsify or overwrite results, so it was not carried out."""

    exit_code = 5


class LockedError(RefusedError):
    """Another driver is writing to the same results folder."""


class CorruptStudyError(RefusedError):
    """A stored study does not read back; nothing was changed."""


class FinalsError(SweepError):
    """The final test, or the export, ended with an error; it may be repeated for the same trial."""

    exit_code = 3


class VerificationError(SweepError):
    """A results folder does not keep what docs/guarantees.md promises; the message names every finding."""

    exit_code = 7


class TrialError(SweepError):
    """A training or test function used its Trial against the rules."""


class Infeasible(TrialError):
    """To be raised by a training function whose configuration cannot be trained: its trial ends as FAILED
    (infeasible), is not started again, and the sampler avoids such configurations from then on.
    """


class ReportError(TrialError):
    """``report`` was called with a wrong epoch, twice in one epoch, or without the metric."""


class CheckpointError(TrialError):
    """No complete, hash-valid checkpoint to load."""

    exit_code = 5


class CheckpointSpaceError(CheckpointError):
    """A checkpoint was not written, because the disk has no room for it."""

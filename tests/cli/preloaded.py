"""Imported once by the process that commands are forked from."""

import torch  # noqa: F401

import sweeps.api
import sweeps.cli.checking
import sweeps.cli.reading
import sweeps.cli.releasing
import sweeps.cli.running
import sweeps.cli.tables  # noqa: F401

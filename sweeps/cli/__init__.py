"""The `sweep` command. Heavy modules are imported inside the commands: `sweep --help` stays instant."""

from sweeps.cli.app import main

__all__ = ["main"]

"""One run of one results folder: what it is about, and what it has to tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sweeps.controller import Event, Observer
from sweeps.engines import EngineSettings
from sweeps.paths import RunPaths
from sweeps.runner.checks import engine_settings
from sweeps.runner.edit import Edit
from sweeps.runner.folder import Manifest
from sweeps.spec import SweepSpec


@dataclass(slots=True)
class Run:
    """One run of one folder, while it holds the folder's lock."""

    spec: SweepSpec
    paths: RunPaths
    manifest: Manifest
    address: str | None = None  # of a Ray cluster
    edit: Edit | None = None  # what has still to be changed in the folder
    observers: list[Observer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    early: list[Event] = field(default_factory=list)  # before there is a controller

    @property
    def places(self) -> tuple[Path, ...]:
        """Where the user's code is looked up."""
        return tuple(Path(place) for place in self.manifest.search_path)

    @property
    def settings(self) -> EngineSettings:
        return engine_settings(self.spec, self.places, self.address, self.manifest.id, self.paths.root)

"""The local engine passes the suite, and leaves no process behind."""

from __future__ import annotations

import uuid

import pytest

from sweeps.engines.local.engine import LocalEngine
from tests.engines.conformance import EngineSuite
from tests.engines.harness import MARK, survivors


class TestLocal(EngineSuite):
    @pytest.fixture(autouse=True)
    def _no_process_survives(self, monkeypatch, make):
        mark = uuid.uuid4().hex
        monkeypatch.setenv(MARK, mark)
        yield
        for engine in make.engines:
            engine.close()
        assert survivors(mark) == {}

    def create(self, settings):
        # The trivial functions need no torch.
        return LocalEngine(settings, preload=("torch",) if settings.train.endswith("trains") else ())

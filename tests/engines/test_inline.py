"""The inline engine passes the suite."""

from __future__ import annotations

from sweeps.engines import create_engine
from tests.engines.conformance import EngineSuite


class TestInline(EngineSuite):
    def create(self, settings):
        return create_engine("inline", settings)

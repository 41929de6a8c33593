"""The inline engine passes the suite."""

from __future__ import annotations

from sweeps.engines import create_engine
from tests.engines.conformance import EngineSuite
from tests.engines.harness import states


class TestInline(EngineSuite):
    def create(self, settings):
        return create_engine("inline", settings)

    def test_a_timeout_that_is_swallowed_comes_again(self, run):
        _, records = run("swallows_a_timeout", timeout={"report": 0.2}, budget={"trials": 1})
        assert states(records) == [("FAILED", "hang")]

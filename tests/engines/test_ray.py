"""The ray engine keeps to the engines' common rules, on a private Ray of two CPUs."""

from __future__ import annotations

import logging

import pytest

from sweeps.engines import Engine, EngineSettings
from sweeps.engines.ray.engine import RayEngine
from tests.engines.conformance import EngineSuite

pytestmark = pytest.mark.ray


@pytest.fixture(autouse=True, scope="module")
def one_ray():
    """One Ray for the module: an engine uses the Ray that its process is connected to."""
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
    )
    yield
    ray.shutdown()


class TestRay(EngineSuite):
    def create(self, settings: EngineSettings) -> Engine:
        return RayEngine(settings, preload=("torch",) if settings.train.endswith("trains") else ())

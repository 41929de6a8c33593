"""How many threads linear algebra takes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any


class Threads:
    """Holds linear algebra to one thread: the others are the trials', and matrices this small gain little."""

    @cached_property
    def _pools(self) -> Any:
        import scipy.linalg  # brings a BLAS of its own, which must be loaded to be found
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it ships no types

        assert scipy.linalg
        return ThreadpoolController().select(user_api="blas")

    def single(self) -> AbstractContextManager[Any]:
        limited: AbstractContextManager[Any] = self._pools.limit(limits=1)
        return limited

"""A study in a database: opened by its address; what it refuses under way is an error of ours."""

from __future__ import annotations

import functools
import logging
import random
import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._cached_storage import _CachedStorage

from sweeps.errors import CorruptStudyError, DiskFullError, SweepError, UsageError
from sweeps.urls import driver_url, mask_password

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

_ATTEMPTS = 50  # an attempt that fails has another's behind it that did not: more than there are tables
_FULL = "53100"  # PostgreSQL's word for a full disk; SQLite has numbers
_REFUSED = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_database(url: str, *, to_write: bool = True) -> BaseStorage:
    """Optuna's storage for ``url``; only one that is opened ``to_write`` gets Optuna's tables if it has none.

    Raises:
        UsageError: no such database, no driver, or no connection.
    """
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        # To a reader it may be no study's database at all: a folder names what it likes.
        opened = _with_tables(url) if to_write else RDBStorage(driver_url(url), skip_table_creation=True)
        return Database(opened, url)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        cause = mask_password(str(error.__cause__ or error).strip().splitlines()[0])
        raise UsageError(
            f"storage: cannot open {mask_password(url)}: {cause}; check the address, the rights, and that "
            'the database exists (PostgreSQL needs the extra: pip install "sweeps[postgresql]")'
        ) from error


def _with_tables(url: str) -> RDBStorage:
    """Optuna looks for its tables, then creates them: of sweeps that open a new database at once, each finds
    tables that the others have made in between, and tries again."""
    from sqlalchemy.exc import DBAPIError

    for _ in range(_ATTEMPTS - 1):
        try:
            return RDBStorage(driver_url(url))
        except DBAPIError as error:
            if not _made_by_another(error):
                raise
            time.sleep(random.uniform(0.01, 0.1))
    return RDBStorage(driver_url(url))


def _made_by_another(error: DBAPIError) -> bool:
    from sqlalchemy.exc import IntegrityError

    return isinstance(error, IntegrityError) or "already exists" in str(error.orig)


class Database(_CachedStorage):
    """Optuna's storage at ``url``.

    Its methods raise DiskFullError where the database's disk is full or fails, CorruptStudyError where its
    file is damaged, and SweepError for whatever else it refuses, such as a connection that is lost.
    """

    def __init__(self, backend: RDBStorage, url: str) -> None:
        super().__init__(backend)
        self.url = url

    def remove_session(self) -> None:
        """End every connection."""
        self._backend.remove_session()
        self._backend.engine.dispose()


def _translated(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(database: Database, *args: Any, **options: Any) -> Any:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return method(database, *args, **options)
        except (StorageInternalError, SQLAlchemyError) as error:
            raise _failure(error, database.url) from error

    return call


for _name in BaseStorage.__abstractmethods__:
    setattr(Database, _name, _translated(getattr(_CachedStorage, _name)))


def _failure(error: Exception, url: str) -> SweepError:
    """``error`` in our words: Optuna's is raised from SQLAlchemy's, which holds the driver's."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    drivers = getattr(cause, "orig", None) or cause
    text = mask_password(" ".join(str(drivers).split())[:300])
    head = f"storage: the study must be kept in {mask_password(url)}, which refuses it: {text}"
    number = getattr(drivers, "sqlite_errorcode", 0) & 0xFF  # the rest of it are details
    if number == sqlite3.SQLITE_FULL or getattr(drivers, "sqlstate", None) == _FULL:
        return DiskFullError(f"{head}; free some space there")
    if number in _REFUSED:
        return DiskFullError(f"{head}; see to its disk, and that it can be written to")
    if number in _DAMAGED:
        return CorruptStudyError(f"{head}; restore it from a backup")
    return SweepError(
        f"{head}; see to the database: what ended is in it, and `sweep resume` goes on from there"
    )

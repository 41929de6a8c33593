"""Database addresses: the driver they name, and how they may be shown."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl

from sweeps.errors import UsageError

# The user name must not hold "/", or a password-free address with "@" further on would match.
_USER = re.compile(r"://[^\s/:@]*:")
_WORD = re.compile(r"\S+")
_QUERY_PASSWORD = re.compile(r"([?&](?:ssl)?password=)[^&\s]*", re.IGNORECASE)


def driver_url(url: str) -> str:
    """``url`` with the driver this package installs (psycopg 3) where PostgreSQL is meant."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def absolute_url(url: str) -> str:
    """``url`` with a SQLite file's relative path made absolute: a sweep is resumed from any directory."""
    path = _sqlite_file(url)
    return url if path is None else f"sqlite:///{path.absolute()}"


def require_database(url: str) -> None:
    """Reading must not create a database.

    Raises:
        UsageError: the SQLite file is not there.
    """
    path = _sqlite_file(url)
    if path is not None and not path.exists():
        raise UsageError(f"storage: the sweep's database must be where it was made, and {path} is not there")


def _sqlite_file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def holds_password(url: str) -> bool:
    """Whether an address names a password, before its host or among its options."""
    options = parse_qsl(url.partition("?")[2], keep_blank_values=True)
    return mask_password(url) != url or any("password" in key.lower() for key, _ in options)


def mask_password(text: str) -> str:
    """``text`` with the password of any database address in it replaced by ``***``."""
    return _QUERY_PASSWORD.sub(r"\1***", _WORD.sub(_without_password, text)) if "://" in text else text


def _without_password(word: re.Match[str]) -> str:
    """From the first user's name to the last "@": a password may hold any character but a space."""
    at = word[0].rfind("@")
    user = _USER.search(word[0], 0, max(at, 0))
    return f"{word[0][: user.end()]}***{word[0][at:]}" if user else word[0]

"""Database addresses: the driver they name, and how they may be shown."""

from __future__ import annotations

import re

# The user name must not hold "/", or a password-free address with "@" further on would match.
_USER_PASSWORD = re.compile(r"(://[^\s/:@]*:)\S*(?=@)")
_QUERY_PASSWORD = re.compile(r"([?&](?:ssl)?password=)[^&\s]*", re.IGNORECASE)


def driver_url(url: str) -> str:
    """``url`` with the driver this package installs (psycopg 3) where PostgreSQL is meant."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def mask_password(text: str) -> str:
    """``text`` with the password of any database address in it replaced by ``***``."""
    return _QUERY_PASSWORD.sub(r"\1***", _USER_PASSWORD.sub(r"\1***", text))

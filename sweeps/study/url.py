"""Database addresses: the driver they name, and how they may be shown."""

from __future__ import annotations

from urllib.parse import urlsplit


def driver_url(url: str) -> str:
    """``url`` with the driver this package installs (psycopg 3) where PostgreSQL is meant."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def masked(url: str) -> str:
    """``url`` without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)

"""A checksum within a Parquet file, since its pages may have their own, but its footer has none.

A reader finds the footer from the end of the file, and the pages by their offsets: what lies between the last
page and the footer is nobody's. There stands the sha256 of all the rest.
"""

from __future__ import annotations

import hashlib

_MARK = b"sweeps.sha256:"
_TAIL = 8  # bytes: the length of the footer, then b"PAR1"


def sealed(parquet: bytes) -> bytes:
    """The same file with the checksum of ``parquet`` in it."""
    end = _footer(parquet)
    pages, footer = parquet[:end], parquet[end:]
    return pages + _MARK + hashlib.sha256(parquet).digest() + footer


def is_broken(file: bytes) -> bool:
    """Whether a file that carries a checksum has another; one that was written by others carries none."""
    end = _footer(file)
    begin = end - len(_MARK) - hashlib.sha256().digest_size
    mark, digest = file[begin : begin + len(_MARK)], file[begin + len(_MARK) : end]
    return mark == _MARK and hashlib.sha256(file[:begin] + file[end:]).digest() != digest


def _footer(file: bytes) -> int:
    """Where the footer of a Parquet file begins."""
    return len(file) - _TAIL - int.from_bytes(file[-_TAIL:-4], "little")

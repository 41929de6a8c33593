"""What an attacker would put into a results folder; where a payload works, it makes a canary file."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from pathlib import Path


class Payload:
    """Makes ``canary`` when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return Path.touch, (Path(self.canary),)


def pickled(canary: Path, protocol: int = 2) -> bytes:
    return pickle.dumps(Payload(canary), protocol)


def torch_archive(canary: Path) -> bytes:
    """A checkpoint as torch writes it, whose data are the payload."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(canary))
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def zip_bomb(size: int = 1 << 30) -> bytes:
    """A checkpoint of a megabyte that unfolds to ``size`` bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/version", "3\n")
        with archive.open("archive/data.pkl", "w", force_zip64=True) as record:
            for _ in range(size >> 24):
                record.write(bytes(1 << 24))
    return buffer.getvalue()


def with_checksum(checkpoint: Path, data: bytes) -> None:
    """Put ``data`` in place of a checkpoint, with the checksum that makes it look whole."""
    checkpoint.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    checkpoint.with_name(checkpoint.name + ".sha256").write_text(f"{digest}  {checkpoint.name}\n")

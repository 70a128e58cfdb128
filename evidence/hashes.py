"""Hashes of a file and of its pieces, computed in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

PIECE_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024


@dataclass(slots=True)
class FileHashes:
    """SHA-256 of a file and of each of its pieces of PIECE_BYTES; the last piece is shorter."""

    size_bytes: int = 0
    sha256: str = ""
    pieces: list[str] = field(default_factory=list)


def read_hashed(file: BinaryIO, found: FileHashes) -> Iterator[bytes]:
    """Yield the blocks of a file. `found` is complete after the last one."""
    whole, piece = hashlib.sha256(), hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):  # a piece consists of whole blocks
        whole.update(block)
        piece.update(block)
        found.size_bytes += len(block)
        if found.size_bytes % PIECE_BYTES == 0:
            found.pieces.append(piece.hexdigest())
            piece = hashlib.sha256()
        yield block
    if found.size_bytes % PIECE_BYTES or not found.size_bytes:
        found.pieces.append(piece.hexdigest())
    found.sha256 = whole.hexdigest()

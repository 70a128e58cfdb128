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


def read_hashed(file: BinaryIO, found: FileHashes, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """Yield the blocks of a file. `found` is complete after the last one."""
    left = piece_bytes
    whole, piece = hashlib.sha256(), hashlib.sha256()
    while block := file.read(min(_BLOCK_BYTES, left)):
        whole.update(block)
        piece.update(block)
        found.size_bytes += len(block)
        left -= len(block)
        if not left:
            found.pieces.append(piece.hexdigest())
            piece, left = hashlib.sha256(), piece_bytes
        yield block
    if left < piece_bytes or not found.size_bytes:
        found.pieces.append(piece.hexdigest())
    found.sha256 = whole.hexdigest()

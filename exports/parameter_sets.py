"""Files with several parameter sets: each key frame carries its own.

A player that seeks backwards keeps the sets that it met last: Chromium fails at a key frame without sets then. The
reader notes other sets only from where they come, so the key frames before get theirs here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exports.disk import CheckedFile, SpaceCheck
from exports.pieces import Piece
from media.mp4.video import VideoSamples


def have_several_sets(pieces: Sequence[Piece]) -> bool:
    """True if frames of a file have other parameter sets than the first ones."""
    return any(piece.notes.in_band_from >= 0 for piece in pieces)


def insert_sets(piece: Piece, target: Path, space: SpaceCheck) -> VideoSamples:
    """Write the samples of a piece to `target`, each key frame with its parameter sets. Return their table.

    Raise OSError or StorageFull.
    """
    samples, notes = piece.tables()[0], piece.notes
    sets = b"".join(len(nal).to_bytes(4, "big") + nal for nal in notes.formats.parameter_sets)
    plain_until = len(samples) if notes.in_band_from < 0 else notes.in_band_from
    with piece.video_path.open("rb") as source, CheckedFile(target, space) as written:
        for index, size in enumerate(samples.sizes):
            if samples.keys[index] and index < plain_until:
                written.write(sets)
                samples.sizes[index] += len(sets)
            written.write(source.read(size))
    return samples

"""Files with several parameter sets: each key frame carries its own.

A player that seeks backwards keeps the sets that it met last: Chromium fails at a key frame without sets then. The
reader notes other sets only from where they come, so the key frames before get theirs here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from exports.disk import CheckedFile, SpaceCheck
from exports.formats.stretch import Stretch
from exports.pieces import Piece
from media.mp4.video import VideoSamples


def with_sets(stretch: Stretch, folder: Path, space: SpaceCheck) -> Stretch:
    """Return the stretch with new files of samples in `folder` if its frames have several parameter sets.

    Raise OSError or StorageFull.
    """
    if all(piece.notes.in_band_from < 0 for piece in stretch.pieces):
        return stretch
    video, paths = VideoSamples(), []
    for piece in stretch.pieces:
        paths.append(folder / f"{piece.number}.sets")
        video.extend(_insert_sets(piece, paths[-1], space))
    return replace(stretch, video=video, video_paths=paths)


def _insert_sets(piece: Piece, target: Path, space: SpaceCheck) -> VideoSamples:
    """Write the samples of a piece to `target`, each key frame with its parameter sets. Return their table."""
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

"""One search in the child: decodes its key frames, and adds the moving cells of the whole picture and a small JPEG."""

from __future__ import annotations

import cv2

from vision.background import Background
from vision.decoder import HEIGHT, WIDTH, DecodingFailed, Grey, KeyFrameDecoder, grey_of, jpeg_of, small_grey_of
from vision.messages import Failed, Region, RegionCompare, RegionOpen, RegionPair, RegionPicture
from vision.regions import RegionComparison
from vision.zones import NO_CELLS, Cells, Zones, packed

_LEAST_OF_PICTURE = 0.001
_THUMB_WIDTH = 320


class RegionSearch:
    """Answers each picture exactly once."""

    def __init__(self, opened: RegionOpen) -> None:
        self._opened = opened
        self._decoder = KeyFrameDecoder(opened.codec)
        self._comparison = RegionComparison(opened.points, opened.mode)
        self._whole = Background()
        self._zones = Zones(())
        self._size: tuple[int, int] | None = None

    def look(self, picture: RegionPicture) -> Region | Failed:
        """Judge a picture of a search for movements, or add it to its probe."""
        try:
            return self._region(picture)
        except (DecodingFailed, cv2.error):
            return Failed("decoder", id=picture.id, time_ms=picture.time_ms)

    def compare(self, asked: RegionCompare) -> RegionPair | Failed:
        """Return the difference of two probes."""
        try:
            difference = self._comparison.difference(asked.a_ms, asked.b_ms)
        except KeyError:
            return Failed("too_few_pictures", id=asked.id)
        return RegionPair(asked.id, asked.a_ms, asked.b_ms, difference)

    def _region(self, picture: RegionPicture) -> Region:
        frame = self._decoder.decode(picture.body)
        grey = grey_of(frame)
        if self._opened.mode == "changed":
            probe_ms = picture.time_ms if picture.probe_ms is None else picture.probe_ms
            self._comparison.keep(grey, probe_ms)
            thumb = jpeg_of(frame, _THUMB_WIDTH)
            return Region(picture.id, picture.time_ms, 0.0, 0.0, False, packed(NO_CELLS), thumb)
        found = self._comparison.moved(grey, is_after_gap=picture.is_after_gap)
        if picture.is_after_gap or self._size != (frame.width, frame.height):
            self._size = (frame.width, frame.height)
            self._whole.begin_anew()
        cells = packed(self._cells(small_grey_of(frame)))
        thumb = jpeg_of(frame, _THUMB_WIDTH) if found.share else b""
        contrast = min(255.0, found.contrast)
        return Region(picture.id, picture.time_ms, min(1.0, found.share), contrast, found.is_reset, cells, thumb)

    def _cells(self, small: Grey) -> Cells:
        difference = self._whole.judge(small, _LEAST_OF_PICTURE * WIDTH * HEIGHT)
        if difference is None or difference.is_light:
            return NO_CELLS
        return self._zones.counted(difference.parts).cells

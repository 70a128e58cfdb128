"""A consumer of a shared source: makes fragments (fmp4/live.py) of its media, for viewers on sockets."""

from __future__ import annotations

from collections.abc import Sequence

from media.codecs.access_unit import AccessUnit
from media.codecs.video import VideoCodec
from media.fmp4.live import FragmentSink, LiveFragment, LiveFragmentBuilder
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.live.gop_buffer import Media
from media.rtsp.live.source import MediaConsumer, SharedSource


class LiveFragments(MediaConsumer):
    """Makes the fragments of one feed, in the gateway's thread. `codec` is the source's, which is known by then.

    `origin_s`: the source's time that is 0 on the timeline of the fragments; the first frame's time if None.
    """

    def __init__(
        self, source: SharedSource, codec: VideoCodec, sink: FragmentSink, *, origin_s: float | None = None
    ) -> None:
        self._source = source
        self._sink = sink
        audio = source.announced_audio
        self._audio = audio if audio is not None and AudioDepacketizer.can_carry(audio) else None
        audio_format, audio_config = (self._audio.format, self._audio.config) if self._audio else (None, b"")
        self._builder = LiveFragmentBuilder(codec, audio_format, audio_config, origin_s=origin_s)
        self._audio_units: AudioDepacketizer | None = None
        self._announced_sets: tuple[bytes, ...] = ()

    @property
    def origin_s(self) -> float | None:
        """The source's time that is 0 on the timeline of the fragments. None before the first fragment."""
        return self._builder.origin_s

    def enable_audio(self) -> None:
        """Put audio into the fragments from now on."""
        if self._audio is not None and self._audio_units is None:
            self._audio_units = AudioDepacketizer(self._audio)
            self._builder.enable_audio()

    # -- source.MediaConsumer ----------------------------------------------------------------------

    def on_media(self, media: Sequence[Media]) -> None:
        made: list[LiveFragment] = []
        for item in media:
            if isinstance(item, AccessUnit):
                self._take_frame(item, made)
            elif self._audio_units is not None:
                for unit in self._audio_units.push((item,)):
                    self._builder.add_audio(unit)
        if made:
            self._sink.on_fragments(made)

    def on_end(self) -> None:
        self._sink.on_end()

    # -- inside ------------------------------------------------------------------------------------

    def _take_frame(self, unit: AccessUnit, made: list[LiveFragment]) -> None:
        sets = unit.parameter_sets
        if sets and sets != self._announced_sets:
            if made:  # they belong to the parameter sets before
                self._sink.on_fragments(tuple(made))
                made.clear()
            self._announced_sets = sets
            if (init := self._builder.describe(sets)) is not None:
                self._sink.on_init(init)
        built = self._builder.build(unit, self._source.arrived_utc(unit.time_s) if unit.is_key else None)
        if built is not None:
            made.append(built)

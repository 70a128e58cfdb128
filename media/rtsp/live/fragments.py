"""A consumer of a shared source: makes fragments (fmp4/live.py) of its media, for viewers on sockets."""

from __future__ import annotations

from collections.abc import Sequence

from media.codecs.access_unit import VIDEO, AccessUnit
from media.codecs.display_order import KnownReordering
from media.codecs.video import VideoCodec
from media.fmp4.live import FragmentSink, LiveFragment, LiveFragmentBuilder
from media.rtsp.client.sdp_audio import AudioTrack
from media.rtsp.live.consumers import MediaConsumer
from media.rtsp.live.gop_buffer import Media
from media.rtsp.live.source import SharedSource


class LiveFragments(MediaConsumer):
    """Makes the fragments of one feed, in the gateway's thread. `codec` is the source's, which is known by then.

    `origin_s`: the source's time that is 0 on the timeline of the fragments; the first frame's time if None.
    """

    def __init__(
        self,
        shared_source: SharedSource,
        codec: VideoCodec,
        sink: FragmentSink,
        *,
        origin_s: float | None = None,
        known_reordering: KnownReordering | None = None,
    ) -> None:
        self._shared_source = shared_source
        self._sink = sink
        self._builder = LiveFragmentBuilder(codec, origin_s=origin_s, known_reordering=known_reordering)
        self._audio: AudioTrack | None = None  # as it was announced to the viewers
        self._announced_sets: tuple[bytes, ...] = ()

    @property
    def origin_s(self) -> float | None:
        """The source's time that is 0 on the timeline of the fragments. None before the first fragment."""
        return self._builder.origin_s

    def enable_audio(self) -> None:
        """Put audio into the fragments from now on."""
        self._builder.enable_audio()

    # -- consumers.MediaConsumer -------------------------------------------------------------------

    def on_media(self, media: Sequence[Media]) -> None:
        made: list[LiveFragment] = []
        for item in media:
            if item.track == VIDEO:
                self._builder.look_at(item)
        for item in media:
            if item.track == VIDEO:
                self._take_frame(item, made)
            elif self._builder.takes_audio and self._shared_source.announced_audio == self._audio:
                self._builder.add_audio(item)
        if made:
            self._sink.on_fragments(made)

    def on_end(self) -> None:
        self._sink.on_end()

    # -- inside ------------------------------------------------------------------------------------

    def _take_frame(self, unit: AccessUnit, made: list[LiveFragment]) -> None:
        if unit.parameter_sets:
            self._describe(unit.parameter_sets, made)
        built = self._builder.build(unit, self._shared_source.arrived_utc(unit.time_s) if unit.is_key else None)
        if built is not None:
            made.append(built)

    def _describe(self, sets: tuple[bytes, ...], made: list[LiveFragment]) -> None:
        """Send another init section before a key frame with these parameter sets, if viewers need one."""
        audio = self._shared_source.announced_audio
        if (sets, audio) == (self._announced_sets, self._audio) and not self._builder.must_describe_again():
            return
        if made:  # they belong to the parameter sets before
            self._sink.on_fragments(tuple(made))
            made.clear()
        if audio != self._audio or not self._announced_sets:
            self._audio = audio
            self._builder.set_audio(audio.format if audio else None, audio.config if audio else b"")
        self._announced_sets = sets
        if (init := self._builder.describe(sets)) is not None:
            self._sink.on_init(init)

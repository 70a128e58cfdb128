"""Decides between copying and transcoding, from the source's formats and the variant that the stream id names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.errors import CameraUnsupported
from core.records import AudioFormat, VideoFormat
from media.commands import AudioHandling, Container, VideoHandling
from media.rtsp.live.feed import MediaDescription

_ENCODED_AUDIO = "aac"
# The header of MJPEG over RTP has no space for them (RFC 2435 section 3.1.5), and ffmpeg cannot read them.
_TOO_LARGE_MJPEG = (
    "The device sends MJPEG with more than 2040 pixels on a side. Choose a smaller picture or H.264 in its settings."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How HLS is made of a source. Its players get `out_video` and `out_audio`."""

    video: VideoHandling
    audio: AudioHandling
    container: Container
    source_video: VideoFormat
    source_audio: AudioFormat | None
    out_video: VideoFormat
    out_audio: AudioFormat | None

    @property
    def is_transcoding(self) -> bool:
        return self.video is VideoHandling.TRANSCODE


def needs_transcode(codec: str | None, *, is_hevc_variant: bool) -> bool:
    """True if HLS of this codec needs an encoder; False if the codec is not known yet."""
    return codec not in (None, "h264") and not is_hevc_variant


def is_for_hls_only(codec: str | None) -> bool:
    """True if no fragments can be made of this codec: it goes over HLS, encoded. False if it is not known yet."""
    return codec not in (None, "h264", "hevc")


def plan_for(described: MediaDescription, *, is_hevc_variant: bool) -> Plan:
    """Raise CameraUnsupported if the source cannot become the variant that the stream id names."""
    video = described.video
    if video is None:
        raise CameraUnsupported("This media profile carries no video that can be shown.", service="video")
    if video.codec == "mjpeg" and not video.width:
        raise CameraUnsupported(_TOO_LARGE_MJPEG, service="video")
    audio, out_audio = _audio(described.audio)
    if is_hevc_variant:
        if video.codec != "hevc":
            raise CameraUnsupported("This media profile does not send H.265 any more: start it again.", service="hevc")
        return Plan(VideoHandling.COPY, audio, Container.FMP4, video, described.audio, video, out_audio)
    if video.codec == "h264":
        return Plan(VideoHandling.COPY, audio, Container.TS, video, described.audio, video, out_audio)
    out_video = replace(video, codec="h264", bitrate_kbps=None, gop=None)
    return Plan(VideoHandling.TRANSCODE, audio, Container.TS, video, described.audio, out_video, out_audio)


def _audio(audio: AudioFormat | None) -> tuple[AudioHandling, AudioFormat | None]:
    if audio is None:
        return AudioHandling.NONE, None
    if audio.codec == "aac":
        return AudioHandling.COPY, audio
    return AudioHandling.ENCODE, replace(audio, codec=_ENCODED_AUDIO, channels=1)

"""ffmpeg's command lines: pure functions that return argv. No text from a device or a user is an argument.

The options were tried with ffmpeg 5.1 and 9.0. Only `-timeout` (microseconds) works for RTSP: ffmpeg no longer
accepts `-stimeout`, and `-rw_timeout` has no effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PLAYLIST_NAME = "stream.m3u8"
SMALL_KBPS = 240
"""The most that small video takes: a link of 350 kbit/s carries it with the reserve of the page's quality ladder."""
_SMALL_BUFFER_S = 0.7
# At most 10 fps of the camera's time, by ld(0). The gateway begins with the frames since the last key frame together.
# At most six of them pass, by ld(1), because more would make a thin link late.
_SMALL_FRAMES = "if(gte(t+0.02,ld(0))*gte(time(0),ld(1)),st(0,max(ld(0),t-0.1)+0.1)+st(1,max(ld(1),time(0)-0.5)+0.1),0)"
_SMALL_SIZE = "scale='min(480,iw)':'min(360,ih)':force_original_aspect_ratio=decrease:force_divisible_by=2"
# At most 10 fps as above; all frames are there already. The first one is always kept.
_SMALL_FRAMES_OF_FILE = "if(isnan(prev_selected_t),st(0,t+0.1),if(gte(t+0.02,ld(0)),st(0,max(ld(0),t-0.1)+0.1),0))"
_SMALL_QUALITY = ("-crf", "26", "-maxrate", f"{SMALL_KBPS}k", "-bufsize", f"{round(SMALL_KBPS * _SMALL_BUFFER_S)}k")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]*")
_PIECE = re.compile(r"[A-Za-z0-9_]+\.hevc\.(?:mp4|m4s)")
_SOURCE = re.compile(r"[a-z_]+\.mp4")
_AUDIO_FILE = re.compile(r"[A-Za-z0-9_-]+\.(?:pcm|adts)")
_EXPORT_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(?:mp4|mkv|part|bits)")
_SAME_FRAME_S = 0.001
_COPY_THREADS = 4
_MOST_BLUR_VALUES, _LEAST_BLUR_PIXELS = 6, 16  # along a side of a blurred part
_PCM_FORMATS = {"pcm_alaw": "alaw", "pcm_mulaw": "mulaw", "pcm_s16be": "s16be"}
_AAC_KBPS = 32  # of one channel
_URL = re.compile(r"rtsp://127\.0\.0\.1:[0-9]{1,5}/[A-Za-z0-9_/-]+")


class VideoHandling(StrEnum):
    COPY = "copy"
    TRANSCODE = "transcode"


class AudioHandling(StrEnum):
    COPY = "copy"
    ENCODE = "encode"
    NONE = "none"


class Container(StrEnum):
    """MPEG-TS plays everywhere; HLS specifies HEVC for fragmented MP4 only (Apple, RFC 8216bis)."""

    TS = "ts"
    FMP4 = "fmp4"


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a live source becomes segments. `start_number` is the first segment's.

    `ffmpeg_number` is in the init section's name, so that a player never uses the init section of an earlier ffmpeg.
    """

    video: VideoHandling
    audio: AudioHandling
    container: Container
    start_number: int
    ffmpeg_number: int
    segment_s: float
    playlist_segments: int


def live_command(ffmpeg: Path, url: str, folder_name: str, options: LiveOptions) -> list[str]:
    """Return the command that writes HLS into `folder_name`; the working directory must be the folder's parent.

    The folder is relative because ffmpeg would interpret a '%' or ':' in the parent's path.
    """
    if _FOLDER.fullmatch(folder_name) is None:
        raise ValueError("not the name of a session's folder")
    suffix = "m4s" if options.container is Container.FMP4 else "ts"
    return [
        *_input(ffmpeg, url),
        *["-map", "0:v:0"],
        *_video(options),
        *_audio(options.audio),
        *_container(options),
        # If one track stops, the other one must not wait for the default 10 s.
        *["-max_interleave_delta", "500000"],
        *["-f", "hls"],
        # Until the list is full, segments may be as short as a GOP, so that the first frame comes earlier.
        *["-hls_init_time", _seconds(_first_length_s(options))],
        *["-hls_time", _seconds(options.segment_s)],
        *["-hls_list_size", str(options.playlist_segments)],
        *["-hls_flags", "delete_segments+omit_endlist+temp_file"],
        *["-start_number", str(options.start_number)],
        *["-hls_segment_filename", f"{folder_name}/segment_%05d.{suffix}"],
        f"{folder_name}/{PLAYLIST_NAME}",
    ]


def small_command(ffmpeg: Path, url: str) -> list[str]:
    """Return the command that writes small H.264 video as FLV to standard output: 10 fps, at most 480x360, no audio.

    FLV, because its muxer writes each frame as soon as it is encoded. That of fragmented MP4 waits for the next frame.
    """
    return [
        *_input(ffmpeg, url, ["-threads", "1"]),  # each further thread of the decoder holds back one more frame
        *["-map", "0:v:0", "-an"],
        *["-vf", f"select='{_SMALL_FRAMES}',{_SMALL_SIZE}:out_range=tv", "-pix_fmt", "yuv420p"],
        *["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-threads", "1"],
        *_SMALL_QUALITY,
        # Not `n_forced`: after a pause of the camera, it would make key frames of all frames until it has caught up.
        *["-g", "600", "-force_key_frames", "expr:if(isnan(prev_forced_t),1,gte(t-prev_forced_t,1.95))"],
        *["-fps_mode", "passthrough", "-enc_time_base", "1/90000"],
        *["-flvflags", "no_duration_filesize", "-flush_packets", "1", "-f", "flv", "pipe:1"],
    ]


def small_segment_command(ffmpeg: Path, source_name: str) -> list[str]:
    """Return the command that writes small H.264 video of a file as FLV to standard output, as small_command() does.

    The file is an init section with a segment after it, in the working directory.
    """
    if _SOURCE.fullmatch(source_name) is None:
        raise ValueError("not the name of a session's file")
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "error", "-nostats", "-nostdin"],
        *["-probesize", "32768", "-analyzeduration", "0", "-protocol_whitelist", "file"],
        *["-threads", "1", "-f", "mp4", "-i", source_name, "-map", "0:v:0", "-an"],
        *["-vf", f"select='{_SMALL_FRAMES_OF_FILE}',{_SMALL_SIZE}:out_range=tv", "-pix_fmt", "yuv420p"],
        *["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-threads", "1", *_SMALL_QUALITY],
        *["-g", "9999", "-fps_mode", "passthrough", "-enc_time_base", "1/90000"],
        *["-flvflags", "no_duration_filesize", "-f", "flv", "pipe:1"],
    ]


def snapshot_command(ffmpeg: Path, url: str, *, max_width: int = 1920) -> list[str]:
    """Return the command that writes one frame as JPEG to standard output."""
    return [
        *_input(ffmpeg, url),
        *["-map", "0:v:0", "-frames:v", "1"],
        *["-vf", f"scale='min({max_width},iw)':-2:out_range=pc"],
        *["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-strict", "unofficial", "-q:v", "4"],
        *["-f", "image2pipe", "pipe:1"],
    ]


def shrink_command(ffmpeg: Path, jpeg_name: str, *, max_width: int = 320) -> list[str]:
    """Return the command that writes a small copy of a JPEG in the working directory to standard output."""
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "error", "-nostats", "-nostdin", "-protocol_whitelist", "file"],
        *["-f", "mjpeg", "-i", jpeg_name, "-frames:v", "1"],
        *["-vf", f"scale='min({max_width},iw)':-2:out_range=pc"],
        *["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-strict", "unofficial", "-q:v", "7"],
        *["-f", "image2pipe", "pipe:1"],
    ]


def still_command(ffmpeg: Path, codec: str, *, width: int = 320) -> list[str]:
    """Return the command that turns key frames on standard input into JPEGs on standard output, one for each.

    `codec`: h264 or hevc, in Annex B format. Behind each key frame comes an access unit delimiter, because the parser
    holds a frame until the next one begins. Neither more threads nor "-fflags nobuffer": with them frames stay inside.
    """
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "level+warning", "-nostats", "-protocol_whitelist", "pipe"],
        *["-threads", "1", "-probesize", "32", "-analyzeduration", "0", "-flags", "low_delay"],
        *["-f", {"h264": "h264", "hevc": "hevc"}[codec], "-i", "pipe:0", "-an"],
        *["-vf", f"scale={width}:-2:flags=area:out_range=full,format=yuvj420p", "-fps_mode", "passthrough"],
        *["-c:v", "mjpeg", "-threads", "1", "-q:v", "5", "-strict", "unofficial"],
        *["-flush_packets", "1", "-f", "image2pipe", "pipe:1"],
    ]


def recode_segment_command(ffmpeg: Path, init_name: str, segment_name: str) -> list[str]:
    """Return the command that writes a segment as H.264 to standard output, with its init section before it.

    Segments are encoded one by one, in any order, and must fit together: times are kept (`-copyts`, `frag_discont`),
    and the init section is the same for all segments, because level and time base are fixed and bit rates are left
    out. Audio is copied. The working directory must be the folder of the two files.
    """
    if _PIECE.fullmatch(init_name) is None or _PIECE.fullmatch(segment_name) is None:
        raise ValueError("not the names of a session's files")
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "error", "-nostats", "-nostdin", "-copyts"],
        *["-probesize", "32768", "-analyzeduration", "0", "-protocol_whitelist", "concat,file"],
        *["-f", "mp4", "-i", f"concat:{init_name}|{segment_name}"],
        *["-map", "0:v:0", "-map", "0:a?", "-c:a", "copy", "-strict", "-2"],
        *["-vf", "scale='min(1920,iw)':-2", "-pix_fmt", "yuv420p"],
        *["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-level:v", "4.2", "-g", "9999"],
        *["-crf", "23", "-maxrate", "4M", "-bufsize", "4M"],
        *["-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-avoid_negative_ts", "disabled"],
        *["-write_btrt", "0"],
        *["-movflags", "+frag_keyframe+empty_moov+default_base_moof+frag_discont+skip_trailer"],
        *["-f", "mp4", "pipe:1"],
    ]


def aac_command(ffmpeg: Path, codec: str, rate: int, channels: int, source: str, target: str) -> list[str]:
    """Return the command that encodes samples without a header as AAC with ADTS headers.

    `codec`: pcm_alaw, pcm_mulaw or pcm_s16be. `source` and `target` are names in the working directory. The same
    samples always give the same bytes.
    """
    if _AUDIO_FILE.fullmatch(source) is None or _AUDIO_FILE.fullmatch(target) is None:
        raise ValueError("not the names of an export's audio files")
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "error", "-nostats", "-nostdin", "-y", "-threads", "1", "-protocol_whitelist", "file"],
        *["-f", _PCM_FORMATS[codec], "-ar", str(rate), "-ac", str(channels), "-i", source],
        *["-c:a", "aac", "-ac", str(min(channels, 2)), "-b:a", f"{_AAC_KBPS * min(channels, 2)}k"],
        *["-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", "adts", target],
    ]


_AT_MOST_1280 = "w='min(1280,iw)':h='min(1280,ih)':force_original_aspect_ratio=decrease"


def first_frame_command(ffmpeg: Path, source: str, skipped_s: float) -> list[str]:
    """Return the command that writes the first shown frame of a file as JPEG to standard output.

    It has at most 1280 pixels in each direction. `source` is in the working directory; its first `skipped_s` are left
    out.
    """
    if _EXPORT_FILE.fullmatch(source) is None:
        raise ValueError("not the name of an exported file")
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "error", "-nostats", "-nostdin", "-threads", "1", "-protocol_whitelist", "file"],
        *[*_skip(skipped_s), "-i", source, "-map", "0:v:0", "-frames:v", "1"],
        *["-vf", f"scale={_AT_MOST_1280}:out_range=full,format=yuvj420p"],
        *["-c:v", "mjpeg", "-threads", "1", "-q:v", "3", "-strict", "unofficial", "-f", "mjpeg", "-"],
    ]


@dataclass(frozen=True, slots=True)
class CopySource:
    """A file in the working directory. Its first `skipped_s` are left out. `created`: in RFC 3339."""

    name: str
    skipped_s: float
    length_s: float
    copies_audio: bool
    created: str


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A part of the picture, in pixels; all numbers are even."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TimeOverlay:
    """Pictures of one bit a pixel, one a second, that are enlarged by `zoom`.

    The first one begins `early_ticks` / 90000 s before the video.
    """

    width: int
    height: int
    zoom: int
    early_ticks: int


@dataclass(frozen=True, slots=True)
class CopyPicture:
    """The picture of a copy: its size, its blurred parts, and the file with the pictures of the time."""

    width: int
    height: int
    blurred: tuple[PixelBox, ...] = ()
    time_name: str = ""
    time: TimeOverlay | None = None


def copy_command(ffmpeg: Path, source: CopySource, picture: CopyPicture, target: str) -> list[str]:
    """Return the command that encodes a working copy of a file in the working directory as H.264.

    Frames keep their times. ffmpeg tells its progress on standard output.
    """
    if _EXPORT_FILE.fullmatch(source.name) is None or _EXPORT_FILE.fullmatch(target) is None:
        raise ValueError("not the names of an export's files")
    overlay = picture.time
    pictures: list[str] = []
    if overlay is not None:
        if _EXPORT_FILE.fullmatch(picture.time_name) is None:
            raise ValueError("not the name of an export's file")
        size = f"{overlay.width}x{overlay.height}"
        pictures = ["-f", "rawvideo", "-pix_fmt", "monob", "-video_size", size, "-framerate", "1"]
        pictures += ["-i", picture.time_name]
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "error", "-nostats", "-nostdin", "-y", "-protocol_whitelist", "file"],
        *["-progress", "pipe:1", "-stats_period", "0.5"],
        *[
            "-threads",
            str(_COPY_THREADS),
            *_skip(source.skipped_s),
            "-t",
            f"{source.length_s:.4f}",
            "-i",
            source.name,
            *pictures,
        ],
        *["-filter_complex", ";".join(_copy_filters(picture)), "-map", "[out]", "-map", "0:a?", "-sn", "-dn"],
        *["-map_metadata", "-1", "-map_chapters", "-1", "-metadata", f"creation_time={source.created}"],
        *["-c:v", "libx264", "-preset", "veryfast", "-crf", "22", "-threads", str(_COPY_THREADS)],
        *["-force_key_frames", "expr:gte(t,n_forced*2)", "-fps_mode", "passthrough", "-enc_time_base", "1/90000"],
        *(["-c:a", "copy"] if source.copies_audio else ["-c:a", "aac", "-b:a", "48k"]),
        *["-fflags", "+bitexact", "-video_track_timescale", "90000", "-movflags", "+faststart", "-f", "mp4", target],
    ]


def _copy_filters(picture: CopyPicture) -> Iterator[str]:
    """Yield the filters from the file's video to `[out]`.

    A blurred part is averaged to a few values, so that nothing but them is left, and enlarged again.
    """
    yield f"[0:v]scale={picture.width}:{picture.height}:out_range=tv,format=yuv420p[v0]"
    for index, one in enumerate(picture.blurred):
        values = f"{_blur_values(one.width)}:{_blur_values(one.height)}"
        cut = f"crop={one.width}:{one.height}:{one.left}:{one.top},format=yuv444p"
        again = f"scale={one.width}:{one.height}:flags=bilinear,format=yuv420p"
        yield f"[v{index}]split[whole{index}][part{index}]"
        yield f"[part{index}]{cut},scale={values}:flags=area,{again}[blurred{index}]"
        yield f"[whole{index}][blurred{index}]overlay={one.left}:{one.top}[v{index + 1}]"
    last = f"[v{len(picture.blurred)}]"
    time = picture.time
    if time is None:
        yield f"{last}null[out]"
        return
    size = f"{time.width * time.zoom}:{time.height * time.zoom}"
    yield f"[1:v]settb=1/90000,setpts=PTS-{time.early_ticks},scale={size}:flags=neighbor,format=yuv420p[time]"
    yield f"{last}[time]overlay=0:main_h-overlay_h:eof_action=repeat[out]"


def _blur_values(pixels: int) -> int:
    return max(1, min(_MOST_BLUR_VALUES, pixels // _LEAST_BLUR_PIXELS))


def poster_command(ffmpeg: Path, source: str, skipped_s: float, target: str, *, width: int = 320) -> list[str]:
    """Return the command that writes the first frame of a file as JPEG; both are in the working directory."""
    if _EXPORT_FILE.fullmatch(source) is None or _EXPORT_FILE.fullmatch(target) is None:
        raise ValueError("not the names of an export's files")
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "error", "-nostats", "-nostdin", "-y", "-protocol_whitelist", "file"],
        *["-threads", "1", *_skip(skipped_s), "-i", source, "-map", "0:v:0", "-frames:v", "1"],
        *["-vf", f"scale={width}:-2:flags=area:out_range=full,format=yuvj420p"],
        *["-c:v", "mjpeg", "-strict", "unofficial", "-q:v", "5", "-f", "image2", "-update", "1", target],
    ]


def _skip(skipped_s: float) -> list[str]:
    return ["-ss", f"{max(0.0, skipped_s - _SAME_FRAME_S):.4f}"] if skipped_s else []


def _input(ffmpeg: Path, url: str, decoder: Sequence[str] = ()) -> list[str]:
    if _URL.fullmatch(url) is None:
        raise ValueError("ffmpeg reads from our own gateway only")
    return [
        str(ffmpeg),
        *["-hide_banner", "-v", "warning", "-nostats", "-nostdin"],
        # The gateway's times begin at zero with the first frame. Without this option, ffmpeg shifts them by the first
        # time that it is sure of: the second frame's.
        "-copyts",
        # ffmpeg opens the stream in 0.1 to 0.2 s instead of 1.4; with a smaller probesize it finds no stream. Never add
        # "-fflags nobuffer": it discards the packets that were read for probing, and with them the whole first GOP.
        *["-probesize", "32768", "-analyzeduration", "500000", "-fpsprobesize", "0"],
        *["-f", "rtsp", "-rtsp_transport", "tcp", "-protocol_whitelist", "rtsp,rtp,tcp"],
        # A last resort: the gateway notices a silent device, and some devices send key frames rarely.
        *["-timeout", "60000000"],
        *[*decoder, "-i", url],
    ]


def _video(options: LiveOptions) -> Sequence[str]:
    if options.video is VideoHandling.COPY:
        tag = ["-tag:v", "hvc1"] if options.container is Container.FMP4 else []
        # With B-frames ffmpeg knows the first frame's decoding time, but not that it is shown at the gateway's zero.
        return ["-c:v", "copy", "-bsf:v", r"setts=pts=if(lt(PTS\,-1e15)\,0\,PTS)", *tag]
    return [
        # 1080p25 costs 45 % of a core; larger frames are scaled down.
        *["-vf", "scale='min(1920,iw)':-2:out_range=tv", "-pix_fmt", "yuv420p"],  # MJPEG has the full range
        *["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency"],
        *["-crf", "23", "-maxrate", "4M", "-bufsize", "4M"],
        *["-force_key_frames", f"expr:gte(t,n_forced*{_seconds(_first_length_s(options))})"],
        *["-fps_mode", "vfr"],
    ]


def _audio(audio: AudioHandling) -> Sequence[str]:
    if audio is AudioHandling.NONE:
        return ["-an"]
    if audio is AudioHandling.COPY:
        return ["-map", "0:a:0?", "-c:a", "copy"]
    return ["-map", "0:a:0?", "-c:a", "aac", "-ac", "1", "-b:a", "32k"]


def _container(options: LiveOptions) -> Sequence[str]:
    if options.container is Container.TS:
        return []
    return ["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", f"init_{options.ffmpeg_number}.mp4"]


def _first_length_s(options: LiveOptions) -> float:
    return min(1.0, options.segment_s)


def _seconds(length_s: float) -> str:
    return f"{length_s:g}"

"""The channels of the pretend recorder, and the codecs, sizes and tokens of their streams.

Tokens look like those of a Dahua XVR: ``MediaProfile00000`` is channel 1's main stream, ``MediaProfile00001`` its sub
stream, ``MediaProfile00100`` channel 2's main stream. Channels are counted from 1, tokens from 0.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

Codec = Literal["h264", "h265"]
AudioCodec = Literal["pcma", "pcmu", "aac"]
Role = Literal["main", "sub"]
# clip: a live loop; stills: JPEGs of it; scene: the archive's loop, one slice a row, without times, which replay adds;
# moment: ten seconds of the archive, with their times.
Kind = Literal["clip", "stills", "scene", "moment"]
Dead = Literal["not_found", "no_signal", "silence"]

ROLES: tuple[Role, Role] = ("main", "sub")
DEAD_KINDS: tuple[Dead, ...] = ("not_found", "no_signal", "silence")
MAX_CHANNELS = 64

# Raise it whenever the frames or the encoder's settings change: cached clips have it in their names.
CLIP_VERSION = 2

# name, scene, night: one line a channel; more than sixteen channels start over.
_PLACES: tuple[tuple[str, str, bool], ...] = (
    ("Car park", "car_park", False),
    ("Main street", "street", False),
    ("Front door", "front_door", False),
    ("Garden", "garden", False),
    ("Warehouse", "warehouse", False),
    ("Corridor", "corridor", False),
    ("Harbour", "harbour", False),
    ("Crossing", "crossing", False),
    ("Staff parking", "car_park", True),
    ("Back street", "street", True),
    ("Side door", "front_door", True),
    ("Orchard", "garden", True),
    ("Loading bay", "warehouse", True),
    ("Cellar", "corridor", True),
    ("Pier", "harbour", True),
    ("Depot gate", "crossing", True),
)

# Most recorders send G.711; None is a channel without a microphone. AAC stays with H.264 and a 2 s GOP.
_AUDIO: tuple[AudioCodec | None, ...] = (
    "pcma", "pcma", "pcmu", "pcma", "aac", "pcma", None, "pcma",
    "pcma", None, "pcmu", "pcma", "pcma", "pcma", None, "pcma",
)  # fmt: skip

LONG_GOP_CHANNEL = 3
ARCHIVE_H265_CHANNEL = 2
ARCHIVE_LOOP_S = 10
# Some recorders add a track of ONVIF metadata to each stream; players that probe it need seconds longer to open.
METADATA_EVERY = 4
PTZ_CHANNEL = 1
IMAGING_CHANNEL = 4
"""A channel without a head that has settings of the picture, as most cameras."""


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """How one loop is encoded. `loop_s`: the length after which its frames start over, a whole number of GOPs."""

    codec: Codec
    width: int
    height: int
    fps: int
    gop_s: int
    loop_s: int
    kbps: int

    @property
    def frames(self) -> int:
        """Frames in the loop."""
        return self.fps * self.loop_s

    @property
    def gop_frames(self) -> int:
        """Frames from one key frame to the next."""
        return self.fps * self.gop_s


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One video input of the recorder. `dead`: how it fails, None if it works."""

    number: int
    name: str
    scene: str
    night: bool
    seed: int
    main: StreamSpec
    sub: StreamSpec
    audio: AudioCodec | None
    dead: Dead | None
    has_ptz: bool
    has_metadata: bool

    def stream(self, role: Role) -> StreamSpec:
        """The main or the sub stream."""
        return self.main if role == "main" else self.sub

    @property
    def has_imaging(self) -> bool:
        return self.has_ptz or self.number == IMAGING_CHANNEL

    @property
    def video_source_token(self) -> str:
        return f"VideoSource{self.number - 1:03d}"

    @property
    def audio_source_token(self) -> str:
        return f"AudioSource{self.number - 1:03d}"

    @property
    def recording_token(self) -> str:
        return f"Record{self.profile_token('main')}"

    def profile_token(self, role: Role) -> str:
        """``MediaProfile00100`` for channel 2, main."""
        return f"MediaProfile{self.number - 1:03d}{0 if role == 'main' else 1:02d}"


Layout = tuple[ChannelSpec, ...]


def find_channel(layout: Layout, number: int) -> ChannelSpec | None:
    """A channel by its number, counted from 1; None if there is none."""
    return layout[number - 1] if 1 <= number <= len(layout) else None


def find_profile(layout: Layout, token: str) -> tuple[ChannelSpec, Role] | None:
    """Channel and role of a media profile by its token; None if there is none."""
    found = ((channel, role) for channel in layout for role in ROLES if channel.profile_token(role) == token)
    return next(found, None)


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """All that the bytes of a clip or of stills depend on; a digest of it is the name of the file in the cache."""

    kind: Kind
    title: str
    scene: str
    night: bool
    seed: int
    stream: StreamSpec
    begins_s: int = 0

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def file_name(self) -> str:
        digest = hashlib.sha256(f"{CLIP_VERSION}:{self.as_json()}".encode()).hexdigest()[:20]
        extension = self.stream.codec if self.kind == "clip" else "mjpeg"
        return f"v{CLIP_VERSION}-{digest}.{extension}"

    @classmethod
    def from_json(cls, text: str) -> ClipSpec:
        values = json.loads(text)
        return cls(**{**values, "stream": StreamSpec(**values["stream"])})


def clip_spec(channel: ChannelSpec, role: Role, kind: Kind = "clip") -> ClipSpec:
    """The spec of a live stream's clip, or of the channel's stills."""
    title = f"CH {channel.number:02d}  {channel.name.upper()}"
    return ClipSpec(kind, title, channel.scene, channel.night, channel.seed, channel.stream(role))


def archive_spec(channel: ChannelSpec, role: Role = "main", *, begins_s: int = 0) -> ClipSpec:
    """The spec of the archive: 320x180, a key frame a second, 5 frames a second (the recording of the sub stream: 2).

    H.264 is a loop without times; H.265 is encoded for each ten seconds from `begins_s` on.
    """
    codec: Codec = "h265" if channel.number == ARCHIVE_H265_CHANNEL and role == "main" else "h264"
    fps, kbps = (5, 120) if role == "main" else (2, 40)
    stream = StreamSpec(codec, 320, 180, fps, 1, ARCHIVE_LOOP_S, kbps)
    title = f"CH {channel.number:02d}  {channel.name.upper()}"
    kind: Kind = "moment" if codec == "h265" else "scene"
    return ClipSpec(kind, title, channel.scene, channel.night, channel.seed, stream, begins_s)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The two streams of a profile; codec and GOP may change for some channels."""

    main: StreamSpec
    sub: StreamSpec
    h265_loop_s: int


# `full` is like a recorder. `small` is for test suites: all streams are encoded within seconds on an empty cache.
# `medium` is for tests of links that do not carry the sub stream of a real camera.
PROFILES: dict[str, Sizes] = {
    "full": Sizes(
        main=StreamSpec("h264", 1920, 1080, 25, 2, 16, 4000),
        sub=StreamSpec("h264", 640, 360, 15, 2, 16, 512),
        h265_loop_s=12,  # pictures ten seconds apart differ
    ),
    "medium": Sizes(
        main=StreamSpec("h264", 1280, 720, 15, 2, 16, 1500),
        sub=StreamSpec("h264", 640, 360, 15, 2, 16, 512),
        h265_loop_s=10,
    ),
    "small": Sizes(
        main=StreamSpec("h264", 640, 360, 25, 1, 16, 700),
        sub=StreamSpec("h264", 320, 180, 15, 1, 16, 160),
        h265_loop_s=10,
    ),
}


def _main_stream(number: int, sizes: Sizes) -> StreamSpec:
    if number % 2 == 0:
        return replace(sizes.main, codec="h265", loop_s=sizes.h265_loop_s)
    if number == LONG_GOP_CHANNEL:
        return replace(sizes.main, gop_s=10, loop_s=20)
    return sizes.main


def default_dead(channels: int) -> dict[int, Dead]:
    """The last three channels of a recorder with eight or more inputs are dead, each in another way."""
    if channels < 8:
        return {}
    return dict(zip(range(channels - 2, channels + 1), DEAD_KINDS, strict=True))


def make_layout(
    channels: int,
    *,
    profile: str = "full",
    seed: int = 1,
    dead: dict[int, Dead] | None = None,
    only_scene: str | None = None,
) -> Layout:
    """The recorder's channels, 1 to `channels`. `only_scene`: that all of them show.

    Even channels have an H.265 main stream, channel 3 a key frame every 10 s, channel 5 AAC; 7, 10 and 15 have no
    audio; every fourth has a metadata track.
    """
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValueError(f"channels must be 1 to {MAX_CHANNELS}, not {channels}")
    sizes = PROFILES[profile]
    broken = default_dead(channels) if dead is None else dead
    layout = []
    for number in range(1, channels + 1):
        place, scene, night = _PLACES[(number - 1) % len(_PLACES)]
        lap = (number - 1) // len(_PLACES)
        if only_scene is not None:
            scene, night = only_scene, False
        layout.append(
            ChannelSpec(
                number=number,
                name=f"{place} {lap + 1}" if lap else place,
                scene=scene,
                night=night,
                seed=seed * 1000 + number,
                main=_main_stream(number, sizes),
                sub=sizes.sub,
                audio=_AUDIO[(number - 1) % len(_AUDIO)],
                dead=broken.get(number),
                has_ptz=number == PTZ_CHANNEL,
                has_metadata=number % METADATA_EVERY == 0,
            )
        )
    return tuple(layout)

"""Names of channels: tells a name that a person gave from one that a maker gives to every input.

A name such as "VideoSourceConfig_Channel1" (Dahua), "vscfg0" or "V_SRC_CFG_001" says nothing. Neither does a name
that repeats one of the device's tokens. "Channel 1" replaces such names.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_WORD = re.compile(r"[^\W\d_]+")
_HEX = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|(?=.*\d)[0-9a-f]{8,}", re.IGNORECASE)

# Pieces of makers' names, in any spelling and order: a word that consists of them alone is generic.
_PIECES = (
    # the input
    *("videosource", "video", "vidsrc", "vid", "source", "src", "sensor", "vsource", "vsrc", "vsc", "vs", "vin", "vi"),
    *("input", "inp", "channel", "chan", "chn", "ch", "camera", "cam", "ipcamera", "ipcam", "ipc", "ip", "network"),
    # the configuration
    *("configuration", "configure", "config", "conf", "cnf", "cfg", "token", "tok", "profile", "prof", "media"),
    *("encoder", "enc", "default", "user", "onvif", "setting", "index", "idx", "num"),
    # the stream
    *(
        "jpeg",
        "mjpeg",
        "hevc",
        "avc",
        "mainstream",
        "substream",
        "thirdstream",
        "main",
        "sub",
        "third",
        "stream",
        "primary",
        "secondary",
    ),
    # nothing at all
    *("unnamed", "untitled", "unknown", "undefined", "noname", "none", "null"),
    # the same in other languages: channel, camera, video source, configuration, main and sub stream, default, input
    *("kanal", "canale", "canal", "kamera", "caméra", "cámara", "câmera", "канал", "камера"),
    *("通道", "频道", "頻道", "摄像头", "摄像机", "攝影機", "视频源", "視頻源", "视频", "配置", "主码流", "子码流"),
    *("辅码流", "第三码流", "默认", "输入", "チャンネル", "カメラ", "채널", "카메라"),
)
_GENERIC_WORD = re.compile(
    rf"(?:{'|'.join(sorted(_PIECES, key=len, reverse=True))})+|v|s|c|d|h|l|in|id|no", re.IGNORECASE
)


def is_generic(name: str, tokens: Collection[str] = ()) -> bool:
    """True if the name is a maker's, or one of the device's own `tokens`, or empty."""
    folded = name.strip().casefold()
    if not folded or any(folded == token.strip().casefold() for token in tokens):
        return True
    if _HEX.fullmatch(folded.strip("{}")):
        return True
    words = _WORD.findall(folded)
    return all(_GENERIC_WORD.fullmatch(word) for word in words)

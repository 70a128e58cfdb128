"""Settings from the environment, typed, checked and documented in one place.

`docs/SETTINGS.md` lists the same names; a test holds the two together.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """One or more settings cannot be used; the message names each."""


def _setting(default: Any, text: str, *, low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"text": text, "low": low, "high": high})


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is the setting of the same name in capitals; lengths are in the unit named."""

    host: str = _setting("127.0.0.1", "Address to listen on. Only loopback while there is no account.")
    port: int = _setting(5001, "Port to listen on.", low=1, high=65535)
    trusted_hosts: str = _setting("", "Names by which the app may be asked, besides those of this machine.")
    trusted_proxies: str = _setting("", "Addresses or networks of reverse proxies whose X-Forwarded-For is believed.")
    tls_cert: Path | None = _setting(None, "Certificate (PEM) to serve HTTPS with; TLS_KEY belongs to it.")
    tls_key: Path | None = _setting(None, "Private key (PEM) of TLS_CERT.")
    accel_prefix: str = _setting("", "Address prefix under which nginx itself sends segments (X-Accel-Redirect).")
    data_dir: Path = _setting(ROOT / "data", "Folder for the database, caches and logs.")
    streams_dir: Path = _setting(ROOT / "static" / "streams", "Folder for playlists and segments.")
    secret_key_file: Path | None = _setting(
        None, "File with the key that encrypts camera passwords; by default in the user's configuration folder."
    )
    ffmpeg: str = _setting("", "Path of an ffmpeg to use instead of the bundled one.")
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR.")
    serve_sources: bool = _setting(False, "Serve the front end's source files even if a current build exists.")
    request_threads: int = _setting(48, "Requests answered side by side.", low=8, high=512)
    segment_s: float = _setting(2.0, "Length of a live segment; never shorter than the camera's GOP.", low=1, high=10)
    playlist_segments: int = _setting(10, "Segments kept in a live playlist.", low=3, high=100)
    playlist_wait_s: float = _setting(10.0, "How long the playlist of a starting session may wait.", low=0, high=30)
    max_sessions: int = _setting(32, "Sessions at once, live and replay together.", low=1, high=512)
    max_sockets: int = _setting(256, "Pages at once that watch live over a WebSocket.", low=1, high=4096)
    max_transcodes: int = _setting(2, "Sessions at once that encode video.", low=0, high=64)
    idle_end_s: float = _setting(30.0, "A session ends this long after its last viewer.", low=1, high=86400)
    unwatched_end_s: float = _setting(300.0, "A session that nobody ever watched ends after this.", low=1, high=86400)
    replay_session_bytes: int = _setting(
        500_000_000, "Most that one replay session keeps in its folder.", low=10_000_000
    )
    stall_after_s: float = _setting(8.0, "No new segment for this long: stalled.", low=2, high=120)
    min_free_bytes: int = _setting(200_000_000, "Free disk below which sessions pause.", low=0)
    device_timeout_s: float = _setting(10.0, "Total time for one ONVIF call.", low=1, high=120)
    rtsp_timeout_s: float = _setting(10.0, "Time for an RTSP answer, and without media.", low=1, high=120)
    device_live_sessions: int = _setting(32, "Live RTSP sessions at once with one device.", low=1, high=512)
    device_replay_sessions: int = _setting(2, "Replay RTSP sessions at once with one device.", low=1, high=64)
    allow_loopback_devices: bool = _setting(
        False, "Let cameras be added that run on this machine; the pretend recorder needs it not."
    )
    vendor_replay: bool = _setting(
        False, "Try a maker's own replay addresses (Dahua, Hikvision) where ONVIF replay does not work."
    )
    keep_connected: str = _setting(
        "", "Channels kept connected for a first picture at once: 1:3 (camera 1, channel 3), 1:*, 1:3/main; else sub."
    )
    login_retry_s: float = _setting(300.0, "A refused password is tried again after this.", low=1, high=86400)
    login_idle_s: float = _setting(7 * 86400.0, "A login ends after this long without use.", low=60, high=366 * 86400)
    login_max_s: float = _setting(30 * 86400.0, "A login ends after this in any case.", low=60, high=366 * 86400)
    discovery_s: float = _setting(3.0, "How long a network search listens.", low=0.5, high=30)

    @property
    def host_names(self) -> frozenset[str]:
        """TRUSTED_HOSTS in lower case."""
        return frozenset(self.trusted_hosts.lower().replace(",", " ").split())

    @property
    def proxy_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """TRUSTED_PROXIES. ValueError for what is no address and no network."""
        return tuple(ipaddress.ip_network(text) for text in self.trusted_proxies.replace(",", " ").split())

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the app."""
        return is_loopback(self.host)

    @property
    def database_file(self) -> Path:
        return self.data_dir / "cameras.sqlite3"

    @property
    def key_file(self) -> Path:
        """Where the encryption key lives: apart from the data, so that a copy of it opens nothing."""
        if self.secret_key_file is not None:
            return self.secret_key_file
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return base / "onvif-web-viewer" / "secret.key"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Reads every setting; SettingsError lists all that cannot be used, not just the first."""
        source = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for item in fields(cls):
            raw = source.get(item.name.upper(), "").strip()
            if not raw:
                continue
            try:
                values[item.name] = _parse(str(item.type), raw, item.metadata)
            except ValueError as error:
                wrong.append(f"{item.name.upper()}={raw!r}: {error}")
        if values.get("log_level", "INFO") not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            wrong.append("LOG_LEVEL: one of DEBUG, INFO, WARNING, ERROR")
        wrong += _clashes(values)
        if wrong:
            raise SettingsError("These settings cannot be used:\n  " + "\n  ".join(wrong))
        return cls(**values)


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _clashes(values: Mapping[str, Any]) -> list[str]:
    """What each setting alone may be, but not so or not together."""
    wrong = []
    if ("tls_cert" in values) != ("tls_key" in values):
        wrong.append("TLS_CERT and TLS_KEY: both or none")
    wrong += [
        f"{name.upper()}={values[name]}: no such file"
        for name in ("tls_cert", "tls_key")
        if name in values and not values[name].is_file()
    ]
    for text in values.get("trusted_proxies", "").replace(",", " ").split():
        try:
            ipaddress.ip_network(text)
        except ValueError:
            wrong.append(f"TRUSTED_PROXIES: {text!r} is no address and no network")
    wrong += [
        f"TRUSTED_HOSTS: {text!r} is no host name (without port, without *)"
        for text in values.get("trusted_hosts", "").lower().replace(",", " ").split()
        if not _HOST_NAME.fullmatch(text)
    ]
    wrong += [
        f"KEEP_CONNECTED: {text!r} is none; write 1:3 (camera 1, channel 3), 1:*, or 1:3/main"
        for text in values.get("keep_connected", "").replace(",", " ").split()
        if not _KEPT.fullmatch(text)
    ]
    if not re.fullmatch(r"|/[A-Za-z0-9_-]+/", values.get("accel_prefix", "")):
        wrong.append("ACCEL_PREFIX: a name between two slashes, such as /streams-by-nginx/")
    return wrong


_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?|\[[0-9a-f:]+\]")
_KEPT = re.compile(r"[1-9][0-9]{0,9}:([1-9][0-9]{0,3}|\*)(/(main|sub))?")
_WORDS = {"yes": True, "true": True, "1": True, "on": True, "no": False, "false": False, "0": False, "off": False}


def _parse(kind: str, raw: str, limits: Mapping[str, Any]) -> str | int | float | bool | Path:
    if kind.startswith("Path"):
        return Path(raw).expanduser().resolve()
    if kind == "str":
        return raw
    if kind == "bool":
        if raw.lower() not in _WORDS:
            raise ValueError("yes or no")
        return _WORDS[raw.lower()]
    number: int | float
    try:
        number = int(raw) if kind == "int" else float(raw)
    except ValueError:
        raise ValueError("a whole number is needed" if kind == "int" else "a number is needed") from None
    low, high = limits["low"], limits["high"]
    if number != number or (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"from {low} to {high}" if high is not None else f"at least {low}")
    return number

"""Settings from the environment, typed, checked and documented in one place.

`docs/SETTINGS.md` lists the same names; `tests/test_docs.py` compares them.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.sink_addresses import SinkAddresses

ROOT = Path(__file__).resolve().parent.parent
_SQLITE = "sqlite:///"
_POSTGRESQL = re.compile(r"postgres(ql)?://[^/]*/[^/]+")


class SettingsError(Exception):
    """One or more settings are invalid; the message names each."""


def _setting(
    default: Any, text: str, *, low: float | None = None, high: float | None = None, is_secret: bool = False
) -> Any:
    return field(default=default, metadata={"text": text, "low": low, "high": high}, repr=not is_secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. A field's environment variable is its name in capitals; suffixes (`_s`, `_bytes`) are units."""

    host: str = _setting("127.0.0.1", "Address to listen on. Only loopback while there is no account.")
    port: int = _setting(5001, "Port to listen on.", low=1, high=65535)
    trusted_hosts: str = _setting("", "Host names of the app, besides those of this machine.")
    trusted_proxies: str = _setting("", "Addresses or networks of reverse proxies whose X-Forwarded-For is trusted.")
    public_url: str = _setting("", "Address of the app for links that users share; by default that of the request.")
    tls_cert: Path | None = _setting(None, "Certificate (PEM) to serve HTTPS with; TLS_KEY belongs to it.")
    tls_key: Path | None = _setting(None, "Private key (PEM) of TLS_CERT.")
    accel_prefix: str = _setting("", "Address prefix under which nginx itself sends segments (X-Accel-Redirect).")
    data_dir: Path = _setting(ROOT / "data", "Folder for the database, caches and logs.")
    database_url: str = _setting(
        "",
        "PostgreSQL database, as postgresql://user:password@host:5432/name, or another SQLite file, as sqlite:////path.",
        is_secret=True,
    )
    streams_dir: Path = _setting(ROOT / "static" / "streams", "Folder for playlists and segments.")
    secret_key_file: Path | None = _setting(
        None, "File with the key that encrypts camera passwords; by default in the user's configuration folder."
    )
    ffmpeg: str = _setting("", "Path of an ffmpeg to use instead of the bundled one.")
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR.")
    serve_sources: bool = _setting(False, "Serve the front end's source files even if a current build exists.")
    browser_decoder: str = _setting(
        "webcodecs", "How pages show live H.264: webcodecs (nearest to live, where a browser can) or mse (MediaSource)."
    )
    request_threads: int = _setting(48, "Requests answered at the same time.", low=8, high=512)
    segment_s: float = _setting(2.0, "Length of a live segment; never shorter than the camera's GOP.", low=1, high=10)
    playlist_segments: int = _setting(10, "Segments kept in a live playlist.", low=3, high=100)
    playlist_wait_s: float = _setting(10.0, "Longest wait for the playlist of a starting session.", low=0, high=30)
    max_sessions: int = _setting(32, "Most sessions at a time, live and replay together.", low=1, high=512)
    max_sockets: int = _setting(256, "Most pages at a time that watch live over a WebSocket.", low=1, high=4096)
    max_transcodes: int = _setting(2, "Most sessions at a time that encode video.", low=0, high=64)
    idle_end_s: float = _setting(30.0, "A session ends this long after its last viewer.", low=1, high=86400)
    unwatched_end_s: float = _setting(300.0, "A session that never had a viewer ends after this.", low=1, high=86400)
    replay_session_bytes: int = _setting(
        500_000_000, "Most bytes that one replay session keeps in its folder.", low=10_000_000
    )
    picture_cache_bytes: int = _setting(
        500_000_000, "Size limit of the cache of recordings' pictures on disk.", low=1_000_000
    )
    stall_after_s: float = _setting(8.0, "A session without a new segment for this long is stalled.", low=2, high=120)
    min_free_bytes: int = _setting(
        200_000_000, "Free disk space below which sessions pause and no pictures are made.", low=0
    )
    archive_dirs: str = _setting(
        "",
        "Folders for the app's own recordings, in this order, separated by colons; by default DATA_DIR/archive.",
    )
    archive_flush_s: float = _setting(10.0, "Recordings are written through to the disk this often.", low=1, high=60)
    archive_file_s: float = _setting(600.0, "Length of a file of a recording.", low=10, high=3600)
    archive_min_free_bytes: int = _setting(
        2_000_000_000, "Free disk space below which the oldest recordings are deleted; at least 5 % of the disk.", low=0
    )
    object_storage_url: str = _setting(
        "", "Bucket for copies of the app's own recordings (S3 API), as s3://bucket/prefix; by default none."
    )
    object_storage_endpoint: str = _setting(
        "", "Address of the object storage, such as https://s3.example:9000; by default that of AWS in the region."
    )
    object_storage_region: str = _setting("us-east-1", "Region of the bucket.")
    object_storage_key_id: str = _setting("", "Access key of the object storage.", is_secret=True)
    object_storage_secret: str = _setting("", "Secret of the access key.", is_secret=True)
    object_storage_plain_http: bool = _setting(
        False, "Allow a plain HTTP address of the object storage that is not a loopback address."
    )
    object_storage_ca_file: Path | None = _setting(
        None, "Certificates (PEM) of an own authority that the object storage may have, besides the public ones."
    )
    object_storage_max_mbps: float = _setting(
        0.0, "Most Mbit/s for the upload to the object storage. 0: no limit.", low=0
    )
    object_storage_days: float = _setting(
        0.0,
        "Copies in the object storage are deleted after so many days, at the earliest with the file on the disk. "
        "0: after the days of their channel's rule.",
        low=0,
        high=36_600,
    )
    listen_to_events: bool = _setting(
        True, "Listen to the events of every device that reports some. A switch of each camera can turn this off."
    )
    import_events: bool = _setting(
        True, "Import the events that recorders have noted in their recordings before the app listened, into the log."
    )
    archive_pre_roll_bytes: int = _setting(
        512_000_000,
        "Memory for the pre-rolls of all channels that record events; an eighth of it for one stream at most.",
        low=8_000_000,
    )
    event_keep_motion_days: float = _setting(30.0, "Events of motion are deleted after so many days.", low=1, high=3660)
    event_keep_days: float = _setting(365.0, "Other events are deleted after so many days.", low=1, high=3660)
    event_max_rows: int = _setting(
        2_000_000,
        "Most events in the log; beyond, the oldest notices are deleted, then the oldest alerts.",
        low=10_000,
    )
    event_picture_bytes: int = _setting(300_000_000, "Size limit of the pictures of events on disk.", low=1_000_000)
    motion_end_s: float = _setting(
        60.0,
        "A motion whose end a device never tells ends this long after the device's last message about it.",
        low=60,
        high=3600,
    )
    push_services: str = _setting(
        "", "Push services of browsers besides the public ones on port 443: host or host:port, such as push.lan:8443."
    )
    notification_addresses: str = _setting(
        "", "The only servers that notifications may go to: hosts, addresses or networks, each perhaps with a port."
    )
    notification_ca_file: Path | None = _setting(
        None, "Certificates (PEM) of own authorities that the servers of notifications may have, besides the system's."
    )
    notification_log_days: float = _setting(
        30.0, "The log of deliveries keeps notifications for so many days.", low=1, high=3660
    )
    backfill_max_mbps: float = _setting(0.0, "Most Mbit/s that a backfill reads from a recorder. 0: no limit.", low=0)
    backfill_day_bytes: int = _setting(
        50_000_000_000, "Most bytes that automatic backfills fetch in a day. 0: no limit.", low=0
    )
    backfill_hours: str = _setting("", "Hours of the day for automatic backfills, such as 22-6; by default all.")
    export_bytes: int = _setting(50_000_000_000, "Most bytes of all exports, when one is added.", low=10_000_000)
    export_min_free_bytes: int = _setting(2_000_000_000, "Free disk space below which exports end.", low=0)
    export_max_mbps: float = _setting(0.0, "Most Mbit/s that an export reads from a recorder. 0: no limit.", low=0)
    export_keep_s: float = _setting(
        7 * 86400.0, "An export is deleted this long after its end, unless a user keeps it.", low=60, high=366 * 86400
    )
    max_exports: int = _setting(100, "Most exports at a time, finished and unfinished.", low=1, high=10_000)
    device_timeout_s: float = _setting(10.0, "Total time for one ONVIF call.", low=1, high=120)
    rtsp_timeout_s: float = _setting(10.0, "Longest wait for an RTSP answer, and for media.", low=1, high=120)
    device_live_sessions: int = _setting(32, "Most live RTSP sessions at a time with one device.", low=1, high=512)
    device_replay_sessions: int = _setting(2, "Most replay RTSP sessions at a time with one device.", low=1, high=64)
    allow_loopback_devices: bool = _setting(
        False, "Allow cameras at a loopback address of this machine; the pretend recorder does not need this."
    )
    vendor_replay: bool = _setting(
        False, "Try a maker's own replay addresses (Dahua, Hikvision) if ONVIF replay does not work."
    )
    keep_connected: str = _setting(
        "", "Channels kept connected for an immediate picture: 1:3 (camera 1, channel 3, sub profile), 1:*, 1:3/main."
    )
    node_name: str = _setting(
        "", "Name of this process among several that share a database; by default one process has all cameras."
    )
    node_address: str = _setting(
        "", "Address at which the front door reaches this node, such as 10.0.0.12:5001; by default HOST and PORT."
    )
    node_lease_s: float = _setting(
        6.0, "The cameras of a node go to others when it has not been heard of for this long.", low=2, high=60
    )
    node_capacity: int = _setting(0, "Most channels of the cameras of this node. 0: no limit.", low=0, high=100_000)
    site: str = _setting("", "Site of this node: it takes only cameras of this site, and those without a site.")
    login_retry_s: float = _setting(300.0, "The app tries a refused password again after this.", low=1, high=86400)
    login_idle_s: float = _setting(7 * 86400.0, "A login ends after this long without use.", low=60, high=366 * 86400)
    login_max_s: float = _setting(30 * 86400.0, "A login ends after this in any case.", low=60, high=366 * 86400)
    discovery_s: float = _setting(3.0, "Length of a search of the local network.", low=0.5, high=30)

    @property
    def host_names(self) -> frozenset[str]:
        """Return the names of TRUSTED_HOSTS in lower case."""
        return frozenset(self.trusted_hosts.lower().replace(",", " ").split())

    @property
    def proxy_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Return the networks of TRUSTED_PROXIES. Raise ValueError for an item that is neither address nor network."""
        return tuple(ipaddress.ip_network(text) for text in self.trusted_proxies.replace(",", " ").split())

    @property
    def is_loopback(self) -> bool:
        """True if only this machine can reach the app."""
        return is_loopback(self.host)

    @property
    def address_of_node(self) -> str:
        """Return the address at which the front door reaches this node: host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.node_address or f"{host}:{self.port}"

    @property
    def database_file(self) -> Path:
        """Return the SQLite file, which is not used if `database_place` is a URL."""
        if self.database_url.startswith(_SQLITE):
            return Path(self.database_url.removeprefix(_SQLITE)).expanduser().resolve()
        return self.data_dir / "cameras.sqlite3"

    @property
    def database_place(self) -> Path | str:
        """Return the SQLite file, or the URL of a PostgreSQL database."""
        return self.database_url if _POSTGRESQL.match(self.database_url) else self.database_file

    @property
    def archive_folders(self) -> tuple[Path, ...]:
        """Return the folders of ARCHIVE_DIRS in their order."""
        names = [name for name in self.archive_dirs.split(":") if name.strip()]
        return tuple(Path(name.strip()).expanduser().resolve() for name in names) or (self.data_dir / "archive",)

    @property
    def archive_index_file(self) -> Path:
        return self.data_dir / "archive.sqlite3"

    @property
    def key_file(self) -> Path:
        """Return the file of the encryption key: apart from the data, so that a copy of the data opens no camera."""
        if self.secret_key_file is not None:
            return self.secret_key_file
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return base / "onvif-web-viewer" / "secret.key"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read all settings. Raise SettingsError, which lists every invalid setting, not only the first."""
        source = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        problems: list[str] = []
        for item in fields(cls):
            raw = source.get(item.name.upper(), "").strip()
            if not raw:
                continue
            try:
                values[item.name] = _parse(str(item.type), raw, item.metadata)
            except ValueError as error:
                problems.append(f"{item.name.upper()}={raw!r}: {error}")
        if values.get("log_level", "INFO") not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            problems.append("LOG_LEVEL: must be DEBUG, INFO, WARNING or ERROR")
        problems += _invalid_values(values)
        if problems:
            raise SettingsError("These settings cannot be used:\n  " + "\n  ".join(problems))
        return cls(**values)


def is_loopback(host: str) -> bool:
    """True if a host name or address is "localhost" or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _invalid_values(values: Mapping[str, Any]) -> list[str]:
    """Return complaints about values of the right type that are still invalid, alone or together."""
    problems = []
    if ("tls_cert" in values) != ("tls_key" in values):
        problems.append("TLS_CERT and TLS_KEY: set both or none")
    problems += [
        f"{name.upper()}={values[name]}: no such file"
        for name in ("tls_cert", "tls_key", "notification_ca_file", "object_storage_ca_file")
        if name in values and not values[name].is_file()
    ]
    for text in values.get("trusted_proxies", "").replace(",", " ").split():
        try:
            ipaddress.ip_network(text)
        except ValueError:
            problems.append(f"TRUSTED_PROXIES: {text!r} is neither an address nor a network")
    if (url := values.get("database_url", "")) and not (_POSTGRESQL.fullmatch(url) or url.startswith(f"{_SQLITE}/")):
        problems.append(
            "DATABASE_URL: must be postgresql://user:password@host:5432/name, or sqlite:/// and the path of a file, "
            "such as sqlite:////srv/cameras.sqlite3"  # the value may have a password
        )
    problems += [
        f"TRUSTED_HOSTS: {text!r} is not a host name (write it without a port and without *)"
        for text in values.get("trusted_hosts", "").lower().replace(",", " ").split()
        if not _HOST_NAME.fullmatch(text)
    ]
    if (public_url := values.get("public_url", "")) and not _is_origin(public_url):
        problems.append(
            "PUBLIC_URL: must be http:// or https://, a host name and perhaps a port, such as https://cameras.example:8443"
        )
    try:
        SinkAddresses(values.get("notification_addresses", ""))
    except ValueError as error:
        problems.append(f"NOTIFICATION_ADDRESSES: {error}")
    problems += [
        f"PUSH_SERVICES: {text!r} is not a host name, perhaps with a port, such as push.lan:8443"
        for text in values.get("push_services", "").lower().replace(",", " ").split()
        if not (found := _HOST_AND_PORT.fullmatch(text)) or int(found["port"] or 1) > 65535
    ]
    problems += [
        f"KEEP_CONNECTED: {text!r} is not a channel; write 1:3 (camera 1, channel 3), 1:*, or 1:3/main"
        for text in values.get("keep_connected", "").replace(",", " ").split()
        if not _KEPT_CHANNEL.fullmatch(text)
    ]
    problems += _invalid_node(values)
    problems += _invalid_object_storage(values)
    if (hours := values.get("backfill_hours", "")).strip() and not _HOURS.fullmatch(hours.strip()):
        problems.append("BACKFILL_HOURS: must be two hours of the day, such as 22-6")
    if values.get("browser_decoder", "webcodecs") not in {"webcodecs", "mse"}:
        problems.append("BROWSER_DECODER: must be webcodecs or mse")
    if not re.fullmatch(r"|/[A-Za-z0-9_-]+/", values.get("accel_prefix", "")):
        problems.append("ACCEL_PREFIX: must be a name between two slashes, such as /streams-by-nginx/")
    return problems


def _invalid_node(values: Mapping[str, Any]) -> list[str]:
    """Return complaints about the settings of a node."""
    problems = [
        f"{name.upper()}: must be up to 63 letters, digits, dots and hyphens"
        for name in ("node_name", "site")
        if (value := values.get(name, "")) and not _NODE_NAME.fullmatch(value)
    ]
    address = values.get("node_address", "").lower()
    if address and not ((found := _NODE_ADDRESS.fullmatch(address)) and _can_be_reached(found["host"].strip("[]"))):
        problems.append("NODE_ADDRESS: must be an IP address of this machine and a port, such as 10.0.0.12:5001")
    elif "node_name" in values and not address and not _can_be_reached(values.get("host", "127.0.0.1")):
        problems.append(
            f"NODE_ADDRESS: needed with HOST={values['host']}, at which the front door cannot reach the node; "
            "set an IP address of this machine and a port, such as 10.0.0.12:5001"
        )
    if "node_name" not in values:
        problems += [
            f"{name.upper()}: needs a NODE_NAME"
            for name in ("node_address", "node_lease_s", "node_capacity", "site")
            if name in values
        ]
    return problems


def _invalid_object_storage(values: Mapping[str, Any]) -> list[str]:
    """Return complaints about the settings of the object storage. They repeat no value, which may be a secret."""
    named = [name for name in values if name.startswith("object_storage_") and name != "object_storage_url"]
    if "object_storage_url" not in values:
        return [f"{name.upper()}: needs an OBJECT_STORAGE_URL" for name in named]
    problems = []
    if not _BUCKET_URL.fullmatch(values["object_storage_url"]):
        problems.append("OBJECT_STORAGE_URL: must be s3://, a bucket and perhaps a prefix, such as s3://cameras/north")
    if not (values.get("object_storage_key_id") and values.get("object_storage_secret")):
        problems.append("OBJECT_STORAGE_KEY_ID and OBJECT_STORAGE_SECRET: set both")
    endpoint = values.get("object_storage_endpoint", "").lower()
    if not endpoint:
        return problems
    if not _is_origin(endpoint):
        problems.append(
            "OBJECT_STORAGE_ENDPOINT: must be https://, a host name and perhaps a port, such as https://s3.example:9000"
        )
    elif endpoint.startswith("http://") and not values.get("object_storage_plain_http"):
        host = _ORIGIN.fullmatch(endpoint)
        if host is None or not is_loopback(host[1].strip("[]")):
            problems.append(
                "OBJECT_STORAGE_ENDPOINT: must be https://, because recordings would be sent without encryption; "
                "OBJECT_STORAGE_PLAIN_HTTP=yes allows http://"
            )
    return problems


def _can_be_reached(host: str) -> bool:
    """True for the IP address of a machine: the front door looks up no names."""
    try:
        return not ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_origin(url: str) -> bool:
    """True for http or https, a host and perhaps a port, and nothing else: the app has the root of its host."""
    found = _ORIGIN.fullmatch(url.lower())
    return found is not None and int(found["port"] or 1) < 65536


_HOST = r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?|\[[0-9a-f:]+\]"
_HOST_NAME = re.compile(_HOST)
_ORIGIN = re.compile(rf"https?://({_HOST})(:(?P<port>[1-9][0-9]{{0,4}}))?/?")
_HOST_AND_PORT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:(?P<port>[1-9][0-9]{0,4}))?")
_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
_PORT = r"[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_NODE_ADDRESS = re.compile(rf"(?P<host>[0-9.]+|\[[0-9a-f:.]+\]):({_PORT})")
_BUCKET_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.-]+)*/?")
_KEPT_CHANNEL = re.compile(r"[1-9][0-9]{0,9}:([1-9][0-9]{0,3}|\*)(/(main|sub))?")
_HOURS = re.compile(r"([01]?\d|2[0-3])\s*-\s*([01]?\d|2[0-4])")
_BOOLEANS = {"yes": True, "true": True, "1": True, "on": True, "no": False, "false": False, "0": False, "off": False}


def _parse(kind: str, raw: str, limits: Mapping[str, Any]) -> str | int | float | bool | Path:
    if kind.startswith("Path"):
        return Path(raw).expanduser().resolve()
    if kind == "str":
        return raw
    if kind == "bool":
        if raw.lower() not in _BOOLEANS:
            raise ValueError("must be yes or no")
        return _BOOLEANS[raw.lower()]
    number: int | float
    try:
        number = int(raw) if kind == "int" else float(raw)
    except ValueError:
        raise ValueError("must be a whole number" if kind == "int" else "must be a number") from None
    low, high = limits["low"], limits["high"]
    if number != number or (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"must be from {low} to {high}" if high is not None else f"must be at least {low}")
    return number

"""Check a user's changes of a camera and convert them to the stored form. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cameras.access import address_text
from cameras.addresses import authority, check_credential, check_name, check_port, parse_host, split_address
from cameras.records import CameraChange
from cameras.store import StoredCamera
from cameras.stream_uris import place_of, read_stream_uris
from core.device_address import WEB_PORTS
from core.errors import InvalidRequest
from core.records import DeviceAccess, LearnedAccess, StreamUris
from core.zones import is_named_zone

_TYPE_AGAIN = "type it again: a stored password is not sent to another address"


@dataclass(frozen=True, slots=True)
class EnteredAddress:
    """The address of a device as a user entered it. `scheme` and `path` are None if it has no scheme.

    A pasted address of the device's web page, `http://host`, has scheme and path, but no port: its ONVIF port is found.
    """

    host: str
    port: int | None
    scheme: str | None = None
    path: str | None = None

    def applied_to(self, access: DeviceAccess) -> DeviceAccess:
        """Return the access with the scheme and the path of this address; knowledge of another address is dropped."""
        if self.scheme is None or self.path is None or (self.scheme, self.path) == (access.scheme, access.path):
            return access
        return DeviceAccess(self.scheme, self.path, access.readable_password)


def parse_address(text: str, port: int | None) -> EnteredAddress:
    """Read `host`, `host:port` or `https://host:port/path`; the port may be given separately, too, if it is the same.

    Raise InvalidRequest, which names the field.
    """
    scheme, host_text, path = split_address(text)
    host, port_in_host = parse_host(host_text)
    if port is not None:
        check_port(port)
        if port_in_host not in (None, port):
            raise InvalidRequest.of_field("port", f"the address has the port {port_in_host}")
        port_in_host = port
    if port_in_host is None and scheme is not None and (scheme, path) != ("http", ""):
        port_in_host = WEB_PORTS[scheme]
    return EnteredAddress(host, port_in_host, scheme, path)


def apply_change(camera: StoredCamera, change: CameraChange) -> StoredCamera:
    """Return the camera with the change applied. Raise InvalidRequest, which names the field.

    A new host or port needs the password again, because the stored one must never be sent to another address.
    """
    if camera.pretend:
        change = _only_name(camera, change)
    name = camera.name if change.name is None else check_name(change.name)
    if change.username is not None:
        check_credential(change.username, field="username")
    if change.password is not None:
        check_credential(change.password.reveal(), field="password")
    apply = _apply_to_plain if camera.is_plain else _apply_to_onvif
    return replace(apply(camera, change), name=name)


def _apply_to_onvif(camera: StoredCamera, change: CameraChange) -> StoredCamera:
    """Apply address and credential. At a new host, a port that was found by probing is probed again."""
    if change.stream_uris is not None:
        raise InvalidRequest.of_field("stream_uris", "this camera speaks ONVIF, which gives the addresses")
    host, port, port_found, access = camera.host, camera.port, camera.port_found, camera.access
    if change.host is not None:
        entered = parse_address(change.host, change.port)
        host, access = entered.host, entered.applied_to(access)
        is_other_scheme = access.scheme != camera.access.scheme
        if entered.port is not None:
            port, port_found = entered.port, False
        elif is_other_scheme or (host != camera.host and camera.port_found):
            port, port_found = None, False
    elif change.port is not None:
        port, port_found = check_port(change.port), False
    if port == camera.port and host == camera.host:
        port_found = camera.port_found and change.port is None
    is_moved = (host, port, access.scheme) != (camera.host, camera.port, camera.access.scheme)
    if is_moved and change.password is None and camera.password:
        raise InvalidRequest.of_field("password", _TYPE_AGAIN)
    if is_moved:
        access = replace(access, learned=LearnedAccess(), rtsp=())
    return replace(
        camera,
        host=host,
        port=port,
        port_found=port_found,
        access=_with_choices(access, change),
        username=camera.username if change.username is None else change.username,
        password=camera.password if change.password is None else change.password,
    )


def _apply_to_plain(camera: StoredCamera, change: CameraChange) -> StoredCamera:
    """Apply stream addresses and credential: a camera without ONVIF has no other address."""
    for name in ("host", "port"):
        if getattr(change, name) is not None:
            raise InvalidRequest.of_field(name, "this camera has stream_uris instead")
    if change.recording_time_zone:
        raise InvalidRequest.of_field("recording_time_zone", "this camera has no recordings of its own")
    if change.readable_password is not None:
        access = replace(camera.access, readable_password=change.readable_password)
        camera = replace(camera, access=access)
    username = camera.username if change.username is None else change.username
    password = camera.password if change.password is None else change.password
    if change.stream_uris is None:
        return replace(camera, username=username, password=password)
    read = read_stream_uris(change.stream_uris, username=change.username, password=change.password)
    if read.password is None and camera.password and _places(read.uris) - _places(camera.stream_uris):
        raise InvalidRequest.of_field("password", _TYPE_AGAIN)
    return replace(
        camera,
        host=read.host,
        port=read.port,
        username=username if read.username is None else read.username,
        password=password if read.password is None else read.password,
        stream_uris=read.uris,
    )


def _with_choices(access: DeviceAccess, change: CameraChange) -> DeviceAccess:
    """Return the access with the user's other choices. Raise InvalidRequest, which names the field."""
    if change.readable_password is not None:
        access = replace(access, readable_password=change.readable_password)
    zone = change.recording_time_zone
    if zone is None:
        return access
    if zone and not is_named_zone(zone):
        raise InvalidRequest.of_field("recording_time_zone", "no time zone of this name, such as Europe/Berlin")
    return replace(access, recording_time_zone=zone)


def _places(uris: StreamUris | None) -> set[tuple[str, int]]:
    """Return the hosts and ports that get the password."""
    return set() if uris is None else {place_of(uri) for uri in (uris.main, uris.sub) if uri}


def _only_name(camera: StoredCamera, change: CameraChange) -> CameraChange:
    """Return the change of the pretend recorder's name. Raise InvalidRequest if another field has a new value."""
    host, port, access = camera.host, camera.port, camera.access
    same: dict[str, tuple[object, ...]] = {
        "host": (host, authority(host, port), address_text(host, port, access)),
        "port": (port,),
        "username": (camera.username,),
        "password": (),
        "stream_uris": (),
        "readable_password": (access.readable_password,),
        "recording_time_zone": (access.recording_time_zone,),
    }
    for field, values in same.items():
        value = getattr(change, field)
        if value is not None and value not in values:
            raise InvalidRequest.of_field(field, "the pretend recorder sets this itself")
    return CameraChange(name=change.name)

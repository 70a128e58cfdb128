"""What a user sent, checked and brought into the form that is kept. Pure functions."""

from __future__ import annotations

from dataclasses import replace

from cameras.addresses import check_credential, check_name, check_port, parse_host
from cameras.records import CameraChange
from cameras.store import StoredCamera
from core.errors import InvalidRequest


def address_of(host_text: str, port: int | None) -> tuple[str, int | None]:
    """Host and port; the port may stand in either, but not differently in both."""
    host, port_in_host = parse_host(host_text)
    if port is None:
        return host, port_in_host
    check_port(port)
    if port_in_host not in (None, port):
        raise InvalidRequest.of_field("port", f"the address says {port_in_host}")
    return host, port


def changed(camera: StoredCamera, change: CameraChange) -> StoredCamera:
    """The camera as wanted. InvalidRequest names the field.

    A port that was only found is looked for again at a new host; one that the user gave stays. The
    stored password belongs to the stored address: for another one it must come along.
    """
    if camera.pretend:
        _refuse_pretend(change)
    host, port, port_found = camera.host, camera.port, camera.port_found
    if change.host is not None:
        host, port_in_host = address_of(change.host, change.port)
        if port_in_host is not None:
            port, port_found = port_in_host, False
        elif host != camera.host and camera.port_found:
            port, port_found = None, False
    elif change.port is not None:
        port, port_found = check_port(change.port), False
    if port == camera.port and host == camera.host:
        port_found = camera.port_found and change.port is None
    if (host, port) != (camera.host, camera.port) and change.password is None and camera.password:
        raise InvalidRequest.of_field("password", "type it again: a stored password is not sent to another address")
    username = camera.username
    if change.username is not None:
        username = check_credential(change.username, field="username")
    if change.password is not None:
        check_credential(change.password.reveal(), field="password")
    return replace(
        camera,
        name=camera.name if change.name is None else check_name(change.name),
        host=host,
        port=port,
        port_found=port_found,
        username=username,
        password=camera.password if change.password is None else change.password,
    )


def _refuse_pretend(change: CameraChange) -> None:
    for name in ("host", "port", "username", "password"):
        if getattr(change, name) is not None:
            raise InvalidRequest.of_field(name, "the pretend recorder sets this itself")

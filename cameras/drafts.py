"""Check a user's changes of a camera and convert them to the stored form. Pure functions."""

from __future__ import annotations

from dataclasses import replace

from cameras.addresses import check_credential, check_name, check_port, parse_host
from cameras.records import CameraChange
from cameras.store import StoredCamera
from core.errors import InvalidRequest


def parse_address(host_text: str, port: int | None) -> tuple[str, int | None]:
    """Return host and port; the port may be part of `host_text`, or be given separately, or both if they are equal.

    Raise InvalidRequest, which names the field.
    """
    host, port_in_host = parse_host(host_text)
    if port is None:
        return host, port_in_host
    check_port(port)
    if port_in_host not in (None, port):
        raise InvalidRequest.of_field("port", f"the address has the port {port_in_host}")
    return host, port


def apply_change(camera: StoredCamera, change: CameraChange) -> StoredCamera:
    """Return the camera with the change applied. Raise InvalidRequest, which names the field.

    At a new host, a port that was found by probing is probed again; a port from the user stays. A new host or port
    needs the password again, because the stored one must never be sent to another address.
    """
    if camera.pretend:
        _refuse_pretend(change)
    host, port, port_found = camera.host, camera.port, camera.port_found
    if change.host is not None:
        host, port_in_host = parse_address(change.host, change.port)
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

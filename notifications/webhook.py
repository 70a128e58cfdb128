"""The webhook sink: JSON by HTTP POST, signed with HMAC-SHA256. It follows no redirect."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from urllib.parse import urlsplit

from core.clock import Clock
from core.secrets import Secret
from notifications.outgoing import OpenLines, Outgoing, Server, as_sink_error, stopping
from notifications.payload import payload_of
from notifications.sink_settings import WebhookSettings
from notifications.sinks import Notice, Sink, SinkError

LIMIT_S = 5.0
USER_AGENT = "onvif-web-viewer"
_AGAIN = frozenset({408, 425, 429})


def signature_of(secret: Secret, timestamp: str, body: bytes) -> str:
    """Return `sha256=` and the HMAC of the time stamp, a dot and the body, in hex."""
    message = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.reveal().encode(), message, hashlib.sha256).hexdigest()


class WebhookSink(Sink):
    """Opens a new connection for each notice."""

    def __init__(self, settings: WebhookSettings, secret: Secret | None, outgoing: Outgoing, clock: Clock) -> None:
        self._settings = settings
        self._secret = secret
        self._outgoing = outgoing
        self._clock = clock
        self._lines = OpenLines()

    def send(self, notice: Notice) -> None:
        body = payload_of(notice, with_picture=self._settings.with_picture)
        timestamp = str(int(self._clock.now_utc().timestamp()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": USER_AGENT,
            "Connection": "close",
            "X-Timestamp": timestamp,
            "X-Event-Id": str(notice.event.id) if notice.event.id else "test",
        }
        if self._secret:
            headers["X-Signature"] = signature_of(self._secret, timestamp, body)
        _check(self._post(body, headers))

    def close(self) -> None:
        self._lines.close()

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        """Return the status of the answer. Raise SinkError."""
        parts = urlsplit(self._settings.url)
        host = parts.hostname or ""
        is_tls = parts.scheme == "https"
        server = Server(host, parts.port or (443 if is_tls else 80))
        try:
            line = self._outgoing.connect(server, LIMIT_S)
            with self._lines.held(line, LIMIT_S):
                line.settimeout(LIMIT_S)
                if is_tls:
                    line = self._outgoing.tls_context().wrap_socket(line, server_hostname=host)
                kind = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
                connection = kind(host, server.port, timeout=LIMIT_S)
                connection.sock = line
                try:
                    connection.request("POST", _target(self._settings.url), body, headers)
                    with connection.getresponse() as answer:  # its file keeps the socket open otherwise
                        return answer.status
                finally:
                    connection.close()
        except (OSError, http.client.HTTPException, SinkError) as error:
            raise stopping() if self._lines.is_closed else as_sink_error(error) from None


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _check(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        detail = f"The server answers with a redirect ({status}), which the app does not follow. Enter its target."
        raise SinkError("webhook_redirect", detail, is_final=True)
    is_final = 400 <= status < 500 and status not in _AGAIN
    raise SinkError("webhook_refused", f"The server answers with the status {status}.", is_final=is_final)

"""The e-mail sink: SMTP of the user's own server, with the picture inside the message."""

from __future__ import annotations

import html
import smtplib
import socket
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from core.clock import Clock
from core.secrets import Secret
from notifications.outgoing import OpenLines, Outgoing, Server, as_sink_error, stopping
from notifications.sink_settings import EmailSettings
from notifications.sinks import Notice, Sink, SinkError
from notifications.texts import MOST_TEXT, MOST_TITLE, clean

LIMIT_S = 20.0
_SENDER_NAME = "Cameras"


class EmailSink(Sink):
    """Opens a new connection for each notice."""

    def __init__(self, settings: EmailSettings, secret: Secret | None, outgoing: Outgoing, clock: Clock) -> None:
        self._settings = settings
        self._secret = secret
        self._outgoing = outgoing
        self._clock = clock
        self._lines = OpenLines()

    def send(self, notice: Notice) -> None:
        message = message_of(notice, self._settings)
        server = Server(self._settings.host, self._settings.port, is_mail=True)
        try:
            line = self._outgoing.connect(server, LIMIT_S)
            with self._lines.held(line, LIMIT_S):
                line.settimeout(LIMIT_S)
                self._send(line, message)
        except (OSError, smtplib.SMTPException, SinkError) as error:
            raise stopping() if self._lines.is_closed else _mail_error(error) from None

    def close(self) -> None:
        self._lines.close()

    def _send(self, line: socket.socket, message: EmailMessage) -> None:
        settings = self._settings
        if settings.security == "tls":
            line = self._outgoing.tls_context().wrap_socket(line, server_hostname=settings.host.strip("[]"))
        with _Smtp(line, settings) as smtp:
            if settings.security == "starttls":
                smtp.starttls(context=self._outgoing.tls_context())
            if settings.username and self._secret:
                smtp.login(settings.username, self._secret.reveal())
            refused = smtp.send_message(message, settings.sender, list(settings.recipients))
        if refused:
            raise SinkError("email_recipient", "The mail server refuses some of the recipients.", is_final=True)


class _Smtp(smtplib.SMTP):
    """SMTP over a connection that exists already. Its greeting names no machine of ours, only the address."""

    def __init__(self, line: socket.socket, settings: EmailSettings) -> None:
        self._line = line
        address = line.getsockname()[0]
        greeting = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        super().__init__(settings.host.strip("[]"), settings.port, local_hostname=greeting, timeout=LIMIT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del host, port, timeout
        return self._line


def message_of(notice: Notice, settings: EmailSettings) -> EmailMessage:
    """Return the message. Its headers hold cleaned lines only, so no text of a device can add a header."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = clean(notice.title, MOST_TITLE)
    message["From"] = Address(_SENDER_NAME, addr_spec=settings.sender)
    message["To"] = tuple(Address(addr_spec=recipient) for recipient in settings.recipients)
    message["Date"] = format_datetime(notice.sent_at)
    message["Message-ID"] = make_msgid(domain=settings.sender.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    text = clean(notice.text, MOST_TEXT)
    message.set_content("\n".join(part for part in (text, notice.url) if part) + "\n")
    picture_id = make_msgid(domain=settings.sender.partition("@")[2])
    message.add_alternative(_html(notice, text, picture_id), subtype="html")
    body = message.get_body(("html",))
    if notice.picture is not None and body is not None:
        body.add_related(
            notice.picture, maintype="image", subtype="jpeg", cid=picture_id, filename="event.jpg", disposition="inline"
        )
    return message


def _html(notice: Notice, text: str, picture_id: str) -> str:
    parts = [f"<p><strong>{html.escape(clean(notice.title, MOST_TITLE))}</strong></p>", f"<p>{html.escape(text)}</p>"]
    if notice.picture is not None:
        parts.append(f'<p><img src="cid:{picture_id[1:-1]}" alt="Picture of the event"></p>')
    if notice.url:
        address = html.escape(notice.url, quote=True)
        parts.append(f'<p><a href="{address}">Show the event</a> (asks for your login)</p>')
    return f'<!doctype html><html><body dir="auto">{"".join(parts)}</body></html>'


def _mail_error(error: Exception) -> SinkError:
    """Return the error without text of the server."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return SinkError("email_login", "The mail server refuses the user name or password.", is_final=True)
        case smtplib.SMTPNotSupportedError():
            detail = "The mail server does not offer what the settings ask for: encryption by STARTTLS, or a login."
            return SinkError("email_unsupported", detail, is_final=True)
        case smtplib.SMTPRecipientsRefused():
            return SinkError("email_recipient", "The mail server refuses the recipients.", is_final=True)
        case smtplib.SMTPSenderRefused():
            return SinkError("email_sender", "The mail server refuses the sender.", is_final=True)
        case smtplib.SMTPResponseException(smtp_code=code):
            is_final = 500 <= code < 600
            return SinkError("email_refused", f"The mail server answers with the code {code}.", is_final=is_final)
        case smtplib.SMTPException():
            return SinkError("email_failed", "The mail server ended the connection, or its answers make no sense.")
    return as_sink_error(error)

"""The device's words about a refused request, for users. A hostile device may have written them.

A reason is one line of at most 120 characters, without markup, addresses and long codes (a digest or a nonce). A reason
with a part of the login is left out as a whole: a gap would show the place and the length of a short password.
"""

from __future__ import annotations

import base64
import html
import re
from urllib.parse import quote, unquote

from core.records import Credential
from onvif_services.answers import Fault, clean

_MOST_CHARACTERS = 120
_MOST_READ = 1024
_MARKUP = re.compile(r"<[/!?]?[a-z][^<>]{0,200}>", re.IGNORECASE)
_ADDRESS = re.compile(r"\S*(?:://|www\.)\S*", re.IGNORECASE)
_LONG_CODE = re.compile(r"[\w+/=-]{24,}")
_QUOTES = str.maketrans(dict.fromkeys('“”„"«»', "'"))

# Subcodes of ONVIF Core, Media, PTZ, Imaging, Search and Replay that help a user or a support line. Others are text of
# the device, and are not shown.
_KNOWN_CODES = {
    code.lower(): code
    for code in (
        "ActionNotSupported",
        "OptionalActionNotImplemented",
        "OperationProhibited",
        "InvalidArgVal",
        "InvalidArgs",
        "TooManyArgs",
        "MissingAttr",
        "OutofMemory",
        "CriticalError",
        "NotAuthorized",
        "ConfigurationConflict",
        "ConfigModify",
        "MaxNVTProfiles",
        "NoProfile",
        "NoConfig",
        "NoSource",
        "IncompleteConfiguration",
        "InvalidStreamSetup",
        "PTZNotSupported",
        "NoPTZProfile",
        "NoPTZNode",
        "NoEntity",
        "NoToken",
        "NoHomePosition",
        "CannotOverwriteHome",
        "InvalidPosition",
        "InvalidVelocity",
        "InvalidTranslation",
        "InvalidSpeed",
        "SpaceNotSupported",
        "MovingPTZ",
        "NoStatus",
        "NotAllowed",
        "PresetExist",
        "InvalidPresetName",
        "TooManyPresets",
        "TimeoutNotSupported",
        "AuxiliaryDataNotSupported",
        "NoImagingForSource",
        "SettingsInvalid",
        "NoRecording",
        "NoRecordings",
        "InvalidToken",
        "InvalidFilterFault",
        "ResourceProblem",
        "RelayToken",
    )
}


def told(message: str, fault: Fault, credential: Credential | None) -> str:
    """Return a message without its full stop, with the device's reason and known code added: a whole sentence or two.

    `credential` is the login that the device knows from requests.
    """
    reason, code = reason_of(fault, credential), code_of(fault)
    end = f" ({code})." if code else "."
    return f"{message}. It says: “{reason}”{end}" if reason else f"{message}{end}"


def code_of(fault: Fault) -> str:
    """Return the innermost code that a specification of ONVIF defines; "" if there is none."""
    return next((known for code in reversed(fault.codes) if (known := _KNOWN_CODES.get(code.lower()))), "")


def reason_of(fault: Fault, credential: Credential | None) -> str:
    """Return the device's reason for users; "" if it has none that may be shown."""
    text = fault.reason[:_MOST_READ]
    if credential is not None and _has_login(text, credential):
        return ""
    for _ in range(2):  # some firmware escapes its text twice
        text = _MARKUP.sub(" ", html.unescape(text))
    text = re.sub(r"[<>]", " ", text).translate(_QUOTES)
    if credential is not None and _has_login(text, credential):
        return ""  # markup was in it
    shown = _LONG_CODE.sub("…", _ADDRESS.sub("…", clean(text)))
    if len(shown) >= _MOST_CHARACTERS:
        shown = shown[: _MOST_CHARACTERS - 1].rstrip() + "…"
    return shown.rstrip(". ")


def _has_login(text: str, credential: Credential) -> bool:
    """True if a text holds the password in any usual writing, or the user name as a word."""
    username, password = credential.username, credential.password.reveal()
    written = [text, html.unescape(html.unescape(text)), unquote(text)]
    secrets = [password, base64.b64encode(password.encode()).decode()] if password else []
    if password:
        secrets += [base64.b64encode(f"{username}:{password}".encode()).decode(), quote(password, safe="")]
    bare = [_bare(item) for item in written]
    if any(_bare(secret) in item for secret in secrets for item in bare if _bare(secret)):
        return True
    word = re.compile(rf"(?<!\w){re.escape(username)}(?!\w)", re.IGNORECASE)
    return bool(username) and any(word.search(item) for item in written)


def _bare(text: str) -> str:
    """Return a text in lower case without spaces and characters that are not shown."""
    return "".join(char for char in text.casefold() if char.isprintable() and not char.isspace())

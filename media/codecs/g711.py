"""G.711 (ITU-T G.711): which of its two laws the bytes follow, and their conversion from one to the other.

Some devices send A-law and describe mu-law, or the reverse. Quiet audio shows it: most of its samples are near 0, and
the bytes near 0 of one law are samples far from 0 of the other.
"""

from __future__ import annotations

_WINDOW_SAMPLES = 2000
_MOST_PART, _LITTLE_PART, _OF_EACH_SIGN = 0.6, 0.03, 0.1
_SURE_AFTER = 4  # windows, one second
_OFTEN_FOR = 40  # windows that tell no law, 10 s; loud audio tells none for hours
_PAUSE_SAMPLES = 16_000  # between two windows then
_NEAR = 16  # codes of each sign that count as near 0
_BIAS = 0x84  # of mu-law, in 16-bit samples


def _of_alaw(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, code & 0x0F
    size = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return size if code & 0x80 else -size


def _of_mulaw(code: int) -> int:
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + _BIAS << (code >> 4 & 7)) - _BIAS
    return -size if code & 0x80 else size


def _nearest(samples: list[int], wanted: int) -> int:
    return min(range(256), key=lambda code: abs(samples[code] - wanted))


_ALAW, _MULAW = [_of_alaw(code) for code in range(256)], [_of_mulaw(code) for code in range(256)]
_CONVERSIONS = {
    "pcm_mulaw": bytes(_nearest(_MULAW, sample) for sample in _ALAW),  # into mu-law
    "pcm_alaw": bytes(_nearest(_ALAW, sample) for sample in _MULAW),
}
_POSITIVE = {
    "pcm_alaw": bytes((number | 0x80) ^ 0x55 for number in range(_NEAR)),
    "pcm_mulaw": bytes(0xFF - number for number in range(_NEAR)),
}
_NEGATIVE = {law: bytes(code ^ 0x80 for code in codes) for law, codes in _POSITIVE.items()}
OTHER = {"pcm_alaw": "pcm_mulaw", "pcm_mulaw": "pcm_alaw"}
LAWS = frozenset(OTHER)
_STATIC_TYPES = {0: "pcm_mulaw", 8: "pcm_alaw"}  # RFC 3551 table 4


def converted(payload: bytes, law: str, into: str) -> bytes:
    """Return a payload of this law in another one."""
    return payload if law == into else payload.translate(_CONVERSIONS[into])


class TrackLaw:
    """The law of one track. It outlives the sessions with the track; one thread only.

    `law`: "pcm_alaw" or "pcm_mulaw", as far as it is known: at first the described one.
    """

    def __init__(self, described: str) -> None:
        self.described = self.law = described
        self.begin()

    def begin(self) -> None:
        """Another session begins: judge anew, because the device may have been mended."""
        self._window = bytearray()
        self._windows = 0  # in a row that follow the other law
        self._unclear = 0  # windows that follow neither
        self._pause = 0  # samples until the next window
        self._is_certain = self._do_types_tell = False

    def of(self, payload: bytes, other_type: int | None = None) -> str:
        """Return the law of a payload.

        `other_type`: the payload type if it is not the described one; a static one tells the law. Otherwise the bytes
        do.
        """
        if other_type is not None and _STATIC_TYPES.get(other_type) == OTHER[self.described]:
            self.law, self._do_types_tell = OTHER[self.described], True
            return self.law
        if self._do_types_tell:
            return self.described
        if not self._is_certain:
            self._judge(payload)
        return self.law

    def _judge(self, payload: bytes) -> None:
        if self._pause > 0:
            self._pause -= len(payload)
            return
        self._window += payload
        if len(self._window) < _WINDOW_SAMPLES:
            return
        window, self._window = bytes(self._window), bytearray()
        if self._follows(window, self.law):
            self._is_certain = True
        elif self._follows(window, OTHER[self.law]):
            self._windows += 1
            if self._windows >= _SURE_AFTER:
                self.law, self._is_certain = OTHER[self.law], True
        else:
            self._windows = 0
            self._unclear += 1
            self._pause = _PAUSE_SAMPLES if self._unclear >= _OFTEN_FOR else 0

    @staticmethod
    def _follows(window: bytes, law: str) -> bool:
        """True if most bytes are near 0 in this law, with both signs, and next to none are in the other."""
        positive, negative = _part(window, _POSITIVE[law]), _part(window, _NEGATIVE[law])
        of_other = _part(window, _POSITIVE[OTHER[law]] + _NEGATIVE[OTHER[law]])
        is_even = min(positive, negative) >= _OF_EACH_SIGN  # a microphone with an offset has one sign only
        return is_even and positive + negative >= _MOST_PART and of_other <= _LITTLE_PART


def _part(window: bytes, codes: bytes) -> float:
    return 1 - len(window.translate(None, codes)) / len(window)

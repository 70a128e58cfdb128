"""The parameter sets of one stream, from its SDP and in band: the newest of each id, and those that its frames use.

Encoders send sets that no frame uses: those of another stream, or of another layer. A player's description has one
SPS, so a wrong one means no picture. The first slice of a key frame names its PPS, which names the SPS.

A damaged bit gives a set another id. Devices send their sets together, so a PPS that came in band and does not come
again with the others was such a set, unless slices refer to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from media.codecs.video import VideoCodec

_MAX_SETS = 16
_MAX_SET_BYTES = 4096

_Key = tuple[str, int]


class ParameterSetStore:
    """The parameter sets of a track. `in_use`: NAL units in sending order: vps, sps, pps.

    There may be several pps. Until a key frame shows the sps that counts, it is the first one.
    """

    def __init__(self, codec: VideoCodec, sets: Iterable[bytes] = ()) -> None:
        self._codec = codec
        self._sets: dict[_Key, bytes] = {}  # the newest last
        self._sps_id: int | None = None
        self._came: set[_Key] = set()  # since the last key frame
        self._referred: set[int] = set()  # ids of the pps that slices refer to, while there are several
        self._has_several_pps = False
        self.in_use: tuple[bytes, ...] = ()
        self.sps = b""
        """The sps in use; empty without one."""
        for nal in sets:
            self.take(nal)
        self._described = set(self._sets)

    @property
    def is_complete(self) -> bool:
        """True once there is a parameter set of each type, as decoding needs."""
        return {set_type for set_type, _ in self._sets} >= set(self._codec.parameter_set_types)

    def take(self, nal: bytes) -> str | None:
        """Keep a parameter set in place of the one with its type and id. Return its type; None for other NAL units."""
        set_type = self._codec.parameter_set_type(nal)
        if set_type is None or len(nal) > _MAX_SET_BYTES:
            return None
        key = (set_type, self._codec.functions.set_id(nal))
        self._came.add(key)
        if self._sets.get(key) != nal:
            self._sets.pop(key, None)
            if len(self._sets) >= _MAX_SETS:
                del self._sets[next(iter(self._sets))]
            self._sets[key] = nal
            if set_type == "sps" and self._sps_id is None:
                self._sps_id = key[1]
            self._choose()
        return set_type

    def use_for(self, slice_nal: bytes) -> None:
        """A key frame begins with this slice: its sets are those in use."""
        functions = self._codec.functions
        pps_id = functions.pps_id(slice_nal)
        pps = self._sets.get(("pps", pps_id))
        sps_id = functions.referred_set_id(pps) if pps is not None else None
        if sps_id != self._sps_id and ("sps", sps_id) in self._sets:
            self._sps_id = sps_id
            self._choose()
        if self._has_several_pps and ("sps", self._sps_id) in self._came:
            self._drop_damaged(pps_id)
        self._came.clear()

    def note_slices(self, slices: Sequence[bytes]) -> None:
        """Take note of the pps that a frame refers to."""
        if self._has_several_pps:
            self._referred.update(map(self._codec.functions.pps_id, slices))

    def _drop_damaged(self, used_id: int) -> None:
        """Forget each pps that did not come with the others before a key frame, and that no slice refers to."""
        kept = self._came | self._described | {("pps", number) for number in (*self._referred, used_id)}
        damaged = [key for key in self._sets if key[0] == "pps" and key not in kept]
        for key in damaged:
            del self._sets[key]
        if damaged:
            self._choose()

    def _sps_key(self) -> _Key | None:
        keys = [key for key in self._sets if key[0] == "sps"]
        return next((key for key in keys if key[1] == self._sps_id), keys[-1] if keys else None)  # it may be evicted

    def _choose(self) -> None:
        """Leave out the sets of another sps than the one in use."""
        functions, sps_key = self._codec.functions, self._sps_key()
        self.sps = self._sets[sps_key] if sps_key else b""
        vps_key = ("vps", functions.referred_set_id(self._sets[sps_key])) if sps_key else None
        chosen: list[tuple[int, int, bytes]] = []
        for (set_type, number), nal in self._sets.items():
            if set_type == "pps":
                used = ("sps", functions.referred_set_id(nal))
                is_in_use = used == sps_key or used not in self._sets
            elif set_type == "sps":
                is_in_use = (set_type, number) == sps_key
            else:
                is_in_use = (set_type, number) == vps_key or vps_key not in self._sets
            if is_in_use:
                chosen.append((self._codec.parameter_set_types.index(set_type), number, nal))
        self.in_use = tuple(nal for _, _, nal in sorted(chosen))
        self._has_several_pps = sum(set_type == "pps" for set_type, _ in self._sets) > 1

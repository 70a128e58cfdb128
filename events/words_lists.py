"""The English words that a search for events knows: kinds of events, recognized objects, colours."""

from __future__ import annotations

from collections.abc import Mapping

from core.events import EventKind

COLOURS = ("black", "white", "grey", "red", "yellow", "green", "blue", "brown")

_KINDS: Mapping[EventKind, str] = {
    EventKind.PERSON: "person persons people human humans pedestrian pedestrians someone somebody walker walkers",
    EventKind.VEHICLE: "vehicle vehicles",
    EventKind.ANIMAL: "animal animals",
    EventKind.MOTION: "motion movement movements",
    EventKind.FACE: "face faces",
    EventKind.PACKAGE: "package packages parcel parcels",
    EventKind.LICENCE_PLATE: "plate plates licence_plate licence_plates license_plate number_plate number_plates",
    EventKind.OBJECT: "object objects",
    EventKind.INTRUSION: "intrusion intrusions intruder intruders",
    EventKind.LINE_CROSSED: "line_crossed line_crossing line_crossings tripwire",
    EventKind.LOITERING: "loitering",
    EventKind.LEFT_OBJECT: "left_object object_left abandoned_object",
    EventKind.REMOVED_OBJECT: "removed_object object_removed missing_object",
    EventKind.TAMPER: "tamper tampering tampered",
    EventKind.VIDEO_LOSS: "video_loss video_lost",
    EventKind.SOUND: "sound sounds noise",
    EventKind.INPUT: "input digital_input alarm_input",
    EventKind.DOORBELL: "doorbell",
    EventKind.OFFLINE: "offline",
    EventKind.RECORDING_GAP: "recording_gap recording_gaps",
}
_LABELS: Mapping[str, str] = {
    "car": "car cars automobile automobiles",
    "truck": "truck trucks lorry lorries",
    "bus": "bus buses",
    "van": "van vans",
    "motorcycle": "motorcycle motorcycles motorbike motorbikes",
    "bicycle": "bicycle bicycles bike bikes",
    "train": "train trains",
    "dog": "dog dogs",
    "cat": "cat cats",
    "bird": "bird birds",
    "horse": "horse horses",
    "sheep": "sheep",
    "cow": "cow cows",
    "bear": "bear bears",
}


def _phrases(words: Mapping[EventKind, str] | Mapping[str, str]) -> dict[tuple[str, ...], str]:
    return {tuple(phrase.split("_")): str(meant) for meant, text in words.items() for phrase in text.split()}


KIND_PHRASES = _phrases(_KINDS)
LABEL_PHRASES = _phrases(_LABELS)
COLOUR_WORDS = {**{name: name for name in COLOURS}, "gray": "grey"}
IGNORED = frozenset(
    {
        "a",
        "an",
        "the",
        "in",
        "on",
        "at",
        "of",
        "with",
        "by",
        "near",
        "and",
        "or",
        "there",
        "any",
        "all",
        "event",
        "events",
    }
)
NEGATIONS = frozenset({"not", "no", "without", "except"})

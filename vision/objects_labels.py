"""Names of recognized objects, and the kinds of events that they mean."""

from __future__ import annotations

from collections.abc import Mapping

COCO = tuple(
    """person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,
bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,
snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,
knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,
dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,
vase,scissors,teddy bear,hair drier,toothbrush""".replace("\n", "").split(",")
)
"""The 80 classes of the data set COCO, in its order. Most detectors are trained on it."""

PERSON, VEHICLE, ANIMAL = "person", "vehicle", "animal"

_KINDS: Mapping[str, tuple[str, ...]] = {
    PERSON: ("person", "pedestrian", "people", "human", "rider", "man", "woman", "child"),
    VEHICLE: (
        "vehicle",
        "car",
        "truck",
        "bus",
        "motorcycle",
        "motorbike",
        "bicycle",
        "bike",
        "van",
        "lorry",
        "train",
        "scooter",
        "tractor",
    ),
    ANIMAL: (
        "animal",
        "bird",
        "cat",
        "dog",
        "horse",
        "sheep",
        "cow",
        "bear",
        "deer",
        "fox",
        "elephant",
        "zebra",
        "giraffe",
        "wild boar",
    ),
}
_KIND_OF = {label: kind for kind, labels in _KINDS.items() for label in labels}


def kind_of(label: str) -> str | None:
    """Return person, vehicle or animal; None for any other object."""
    return _KIND_OF.get(label.strip().casefold())

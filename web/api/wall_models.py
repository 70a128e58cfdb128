"""Requests and answers of the API for named layouts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from web.api.models import AnswerModel
from web.fields import BodyId, Name, PathId, RequestModel


def _whole(value: object) -> object:
    """Refuse true and 1.0, which Literal[1] accepts because they are equal to 1."""
    if type(value) is not int:
        raise ValueError("a whole number")
    return value


Layout = Annotated[Literal[1, 4, 6, 9, 16], BeforeValidator(_whole), Field(description="Number of tiles")]


Quality = Annotated[
    Literal["main", "sub", "saver"] | None,
    Field(description="null: depends on the page, the size of the tile and the link; saver: key frames alone"),
]


class WallPath(BaseModel):
    wall_id: PathId


class WallTile(RequestModel):
    """A channel on a wall."""

    camera_id: BodyId
    channel: Annotated[int, Field(ge=1, le=9999)]
    quality: Quality = None


Tiles = Annotated[
    list[WallTile | None],
    Field(max_length=16, description="One item per place, null for an empty place; at most `layout` items"),
]


class NewWall(RequestModel):
    """A layout to add. Places after its last tile are empty."""

    name: Name
    layout: Layout
    tiles: Tiles


class WallEdit(RequestModel):
    """New values; absent fields and null keep the old ones."""

    name: Name | None = None
    layout: Layout | None = None
    tiles: Tiles | None = None


# --- answers


class Tile(AnswerModel):
    camera_id: int
    channel: int
    quality: Quality


class Wall(BaseModel):
    """A named layout. `everybodys`: shared, made while there were no accounts. `may_change`: you may change it."""

    id: int
    name: str
    layout: Layout
    tiles: list[Tile | None]
    everybodys: bool
    may_change: bool


class WallList(BaseModel):
    walls: list[Wall]

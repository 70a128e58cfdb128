"""/api/walls: named layouts of the wall, separate for each user."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from walls.walls import Tile, Wall, WallChange, WallDraft, may_change
from web.access.principal import current_principal
from web.api import wall_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint("api_walls", __name__, url_prefix="/api/walls", abp_tags=[Tag(name="walls")])


@blueprint.get("", responses=answers_with({200: shapes.WallList}))
def list_walls() -> Response:
    """List your layouts, and the shared ones that were made while there were no accounts."""
    return answer(shapes.WallList(walls=[_wall(item) for item in services().walls.walls(current_principal())]))


@blueprint.post("", responses=answers_with({201: shapes.Wall}, 409, 415, 503))
def add_wall(body: shapes.NewWall) -> Response:
    """Add a layout. 409 `wall_name_taken`; `too_many_walls` beyond 50."""
    draft = WallDraft(body.name, body.layout, _tiles(body.tiles))
    return answer(_wall(services().walls.add(current_principal(), draft)), 201)


@blueprint.get("/<wall_id>", responses=answers_with({200: shapes.Wall}, 404))
def get_wall(path: shapes.WallPath) -> Response:
    """Get a layout. 404 for another user's layout."""
    return answer(_wall(services().walls.get(current_principal(), path.wall_id)))


@blueprint.patch("/<wall_id>", responses=answers_with({200: shapes.Wall}, 404, 409, 415, 503))
def change_wall(path: shapes.WallPath, body: shapes.WallEdit) -> Response:
    """Change the name, the number of tiles or the tiles of a layout."""
    tiles = None if body.tiles is None else _tiles(body.tiles)
    change = WallChange(body.name, body.layout, tiles)
    return answer(_wall(services().walls.change(current_principal(), path.wall_id, change)))


@blueprint.delete("/<wall_id>", responses=answers_with({204: NO_CONTENT}, 404, 503))
def remove_wall(path: shapes.WallPath) -> Response:
    """Delete a layout."""
    services().walls.remove(current_principal(), path.wall_id)
    return Response(status=204)


def _tiles(tiles: Sequence[shapes.WallTile | None]) -> tuple[Tile | None, ...]:
    return tuple(None if tile is None else Tile(tile.camera_id, tile.channel, tile.quality) for tile in tiles)


def _wall(wall: Wall) -> shapes.Wall:
    return shapes.Wall.model_validate(
        {
            "id": wall.id,
            "name": wall.name,
            "layout": wall.layout,
            "tiles": wall.tiles,
            "everybodys": wall.user_id is None,
            "may_change": may_change(current_principal(), wall),
        }
    )

"""Health of the app, and the description of the API."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, Response, current_app, json, render_template
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI

from core.errors import Unavailable
from core.placement import NodeState
from web.access.principal import current_principal_or_none
from web.api import answers, models
from web.api.described import answers_with
from web.problems import all_codes
from web.services import services

blueprint = APIBlueprint("api_system", __name__, url_prefix="/api", abp_tags=[Tag(name="system")])
described = Blueprint("api_description", __name__, url_prefix="/api")


@blueprint.get("/health", responses=answers_with({200: models.Ok}, 503))
def health() -> Response:
    """Check if the app works: ok, or 503. With several servers, of the one that answers."""
    if not services().is_ready() or services().placement.is_cut_off():
        raise Unavailable("The app is not ready.")
    placement = services().placement
    this = placement.this_node()
    counts = None
    if this.place and current_principal_or_none() is not None:
        states = Counter(view.state.value for view in placement.nodes())
        counts = models.NodeCounts(**{state.value: states[state.value] for state in NodeState})
    return answers.answer(models.Ok(status="ok", node=this.name, nodes=counts))


@described.get("/openapi.json")
def openapi() -> Response:
    """This API as OpenAPI 3.1, generated from the code."""
    return Response(json.dumps(description()), mimetype="application/json")


@described.get("/docs")
def docs() -> str:
    """The description as a page."""
    document = description()
    operations = [
        {"path": path, "method": method.upper(), **operation}
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    return render_template(
        "api_docs.html",
        page="api_docs",
        info=document["info"],
        operations=operations,
        schemas=document["components"]["schemas"],
        problems=all_codes(),
    )


def description() -> dict[str, Any]:
    """Return the OpenAPI document."""
    app = current_app
    assert isinstance(app, OpenAPI)  # noqa: S101 - web.flask_app creates this class
    document: dict[str, Any] = app.api_doc
    document["security"] = [
        {"token": []},
        {},
    ]  # {}: a cookie, or this machine while there is no account
    return document

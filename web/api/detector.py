"""The detector of objects: its state, the models of the folder, and a trial of a model on a picture."""

from __future__ import annotations

import base64
import binascii

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.errors import InvalidRequest
from object_manager import INSTALL_COMMAND
from web.access.audit import audit_about
from web.api import detector_models as shapes
from web.api.answers import answer
from web.api.described import answers_with
from web.services import services

blueprint = APIBlueprint("api_detector", __name__, url_prefix="/api/detector", abp_tags=[Tag(name="detector")])


@blueprint.get("", responses=answers_with({200: shapes.Detector}, 503))
def get_detector() -> Response:
    """Get the state of the detector of objects, and its models."""
    return answer(_shown())


@blueprint.put("", responses=answers_with({200: shapes.Detector}, 404, 415, 503))
def choose_model(body: shapes.ModelChoice) -> Response:
    """Choose the model that recognizes objects from now on, or none."""
    audit_about(model=body.model or "")
    services().objects.choose(body.model)
    return answer(_shown())


@blueprint.post("/models/<name>/trial", responses=answers_with({200: shapes.ModelTrial}, 404, 409, 415, 503))
def try_model(path: shapes.ModelPath, body: shapes.ModelTrialBody) -> Response:
    """Try a model on a picture, in a separate process. The picture is not kept.

    409 `model_unusable`: `detail` says why. 409 `detector_missing`: call `make detector`.
    """
    try:
        jpeg = base64.b64decode(body.picture, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest.of_field("picture", "not base64") from None
    with services().device_limit:
        trial = services().objects.try_model(path.name, jpeg)
    return answer(
        shapes.ModelTrial.model_validate(
            {
                "format": trial.format,
                "width": trial.width,
                "height": trial.height,
                "labels": trial.labels,
                "load_ms": trial.load_ms,
                "ms": trial.ms,
                "objects": [
                    {
                        "label": one.label,
                        "kind": one.kind,
                        "score": round(one.score, 4),
                        "box": list(one.box),
                        "colours": one.colours,
                    }
                    for one in trial.objects
                ],
            }
        )
    )


def _shown() -> shapes.Detector:
    objects = services().objects
    view = objects.view()
    return shapes.Detector(
        node=services().placement.this_node().name,
        state=view.state.value,
        is_installed=view.is_installed,
        install_command=INSTALL_COMMAND,
        model=view.model,
        pictures=view.pictures,
        dropped=view.dropped,
        ms=view.ms,
        problem=view.problem,
        models=[shapes.DetectorModel.model_validate(one) for one in objects.models()],
    )

"""The models in the folder `models` of the data folder: pairs of an ONNX file and its description."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import delete

from core.errors import NotFound
from database import Database
from objects.records import ModelView
from tables import ChoiceRow
from vision.models import read_description
from vision.models_file import MOST_MODEL_BYTES, ModelError

DEFAULT = "nanodet-g"
_CHOICE = "detector_model"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")
_MOST_MODELS = 50


class Models:
    """Safe between threads. Needs an open database for the choice."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def path(self, name: str) -> Path:
        """Return the file of a model. Raise NotFound."""
        path = self._folder / f"{name}.onnx"
        if _NAME.fullmatch(name) is None or not path.is_file():
            raise NotFound("There is no such model.")
        return path

    def chosen(self) -> str:
        """Return the chosen model, otherwise the default one; "" if there is none, or if none is wanted."""
        with self._database.read() as session:
            row = session.get(ChoiceRow, _CHOICE)
            name = DEFAULT if row is None else row.value
        return name if name and (self._folder / f"{name}.onnx").is_file() else ""

    def choose(self, name: str | None) -> None:
        """Use a model; None for no model. Raise NotFound."""
        if name is not None:
            self.path(name)
        with self._database.write() as session:
            session.execute(delete(ChoiceRow).where(ChoiceRow.name == _CHOICE))
            session.add(ChoiceRow(name=_CHOICE, value=name or ""))

    def list(self) -> list[ModelView]:
        """Return the models by name, at most 50."""
        chosen = self.chosen()
        try:
            paths = sorted(path for path in self._folder.glob("*.onnx") if _NAME.fullmatch(path.stem))
        except OSError:
            return []
        return [_view(path, is_chosen=path.stem == chosen) for path in paths[:_MOST_MODELS]]


def _view(path: Path, *, is_chosen: bool) -> ModelView:
    size, known, licence, problem = 0, "", "", ""
    try:
        size = path.stat().st_size
        described = read_description(path.with_suffix(".toml"))
        known, licence = described.format.value if described.format is not None else "", described.licence
        if size > MOST_MODEL_BYTES:
            problem = f"It has more than {MOST_MODEL_BYTES // 1_000_000} MB."
    except (ModelError, OSError) as error:
        problem = str(error)
    return ModelView(path.stem, size, known, licence, is_chosen, problem)

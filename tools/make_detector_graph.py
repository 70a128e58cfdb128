"""Convert a TensorFlow for browsers graph model (model.json and its .bin) to ONNX.

It knows the operations of convolutional detectors that were converted from PyTorch. TensorFlow computes with channels
last, ONNX with channels first: a transposition is only noted with its value, and most of them cancel each other out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

OPSET = 18
_IR_VERSION = 10  # older readers of ONNX refuse newer ones
_CHANNELS_LAST = (0, 2, 3, 1)
_LOWEST = -1e30

Node = Mapping[str, Any]
Array = NDArray[Any]


class UnknownModel(Exception):
    """The model has an operation, or a form of one, that the converter does not know."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A tensor: its ONNX name, and the operations that are still due.

    `order`: axis i of TensorFlow's tensor is axis order[i] of the ONNX tensor. `pads`: of the ONNX tensor, as in ONNX.
    """

    name: str
    order: tuple[int, ...]
    pads: tuple[int, ...] = ()
    padded_with: float = 0.0


def read_constants(manifest: Sequence[Node], folder: Path) -> dict[str, Array]:
    """Return the weights by name. Half floats become floats."""
    found: dict[str, Array] = {}
    for group in manifest:
        content = b"".join((folder / Path(name).name).read_bytes() for name in group["paths"])
        place = 0
        for weight in group["weights"]:
            kind = np.dtype(weight.get("quantization", weight)["dtype"]).newbyteorder("<")
            count = int(np.prod(weight["shape"], dtype=np.int64))
            if place + count * kind.itemsize > len(content):
                raise UnknownModel("the file of weights is too short")
            read = np.frombuffer(content, kind, count, place).reshape(weight["shape"])
            found[weight["name"]] = read.astype(weight["dtype"])
            place += count * kind.itemsize
        if place != len(content):
            raise UnknownModel("the file of weights is too long")
    return found


class GraphConverter:
    """Converts one graph. `nodes` and `initializers` grow with each operation."""

    def __init__(self, constants: dict[str, Array]) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._constants = constants
        self._values: dict[str, _Value] = {}
        self._made_by: dict[str, NodeProto] = {}

    def value(self, name: str) -> str:
        """Return the ONNX name of a tensor in TensorFlow's order of axes."""
        found = self._values[name]
        if found.pads:
            raise UnknownModel(f"{name}: only convolutions and pools may be padded")
        if found.order == tuple(range(len(found.order))):
            return found.name
        return self.emit("Transpose", [found.name], perm=list(found.order))

    def emit(self, operation: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node with one output. Return the output's name."""
        name = f"t{len(self.nodes)}"
        self._made_by[name] = helper.make_node(operation, inputs, [name], **attributes)
        self.nodes.append(self._made_by[name])
        return name

    def constant(self, value: Array) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add_input(self, name: str, axes: int) -> None:
        self._values[name] = _Value("picture", tuple(range(axes)))

    def convert(self, node: Node) -> None:
        """Raise UnknownModel."""
        operation, name = node["op"], node["name"]
        inputs = [item.split(":0")[0] for item in node.get("input", ())]
        if all(item in self._constants for item in inputs):
            self._constants[name] = _computed(operation, [self._constants[item] for item in inputs])
            return
        method = getattr(self, f"_convert_{operation.lower()}", None)
        if method is None:
            raise UnknownModel(f"operation {operation}")
        method(node, name, inputs)

    # ---- operations ------------------------------------------------------------------------------

    def _convert_identity(self, _node: Node, name: str, inputs: list[str]) -> None:
        self._values[name] = self._values[inputs[0]]

    def _convert_transpose(self, _node: Node, name: str, inputs: list[str]) -> None:
        value, wanted = self._values[inputs[0]], [int(axis) for axis in self._constants[inputs[1]]]
        order = tuple(value.order[axis] for axis in wanted)
        self._values[name] = _Value(value.name, order, value.pads, value.padded_with)

    def _convert_pad(self, _node: Node, name: str, inputs: list[str]) -> None:
        value = self._plain(inputs[0])
        pads = self._constants[inputs[1]]
        begins, ends = [0] * len(value.order), [0] * len(value.order)
        for axis, stored in enumerate(value.order):
            begins[stored], ends[stored] = int(pads[axis][0]), int(pads[axis][1])
        with_value = float(self._constants[inputs[2]]) if len(inputs) > 2 else 0.0
        self._values[name] = _Value(value.name, value.order, (*begins, *ends), with_value)

    _convert_padv2 = _convert_pad

    def _convert_conv2d(self, node: Node, name: str, inputs: list[str]) -> None:
        value = self._channels_first(inputs[0])
        if value.pads and value.padded_with != 0.0:
            raise UnknownModel("a convolution's padding is not zero")
        weights = self._constants[inputs[1]].transpose(3, 2, 0, 1)
        attributes = {
            "strides": _spatial(node, "strides"),
            "dilations": _spatial(node, "dilations"),
            "pads": self._spatial_pads(node, value),
            "kernel_shape": list(weights.shape[2:]),
        }
        made = self.emit("Conv", [value.name, self.constant(weights)], **attributes)
        self._values[name] = _Value(made, _CHANNELS_LAST)

    def _convert_maxpool(self, node: Node, name: str, inputs: list[str]) -> None:
        value = self._channels_first(inputs[0])
        if value.pads and value.padded_with > _LOWEST:
            raise UnknownModel("a pool's padding is not the lowest number")
        attributes = {"strides": _spatial(node, "strides"), "pads": self._spatial_pads(node, value)}
        made = self.emit("MaxPool", [value.name], kernel_shape=_spatial(node, "ksize"), **attributes)
        self._values[name] = _Value(made, _CHANNELS_LAST)

    def _convert_add(self, _node: Node, name: str, inputs: list[str]) -> None:
        first, second = inputs if inputs[0] not in self._constants else inputs[::-1]
        value = self._plain(first)
        if second not in self._constants:
            same = self._plain(second)
            if same.order != value.order:
                raise UnknownModel("a sum of differently ordered tensors")
            self._values[name] = _Value(self.emit("Add", [value.name, same.name]), value.order)
            return
        added = self._constants[second]
        made_by = self._made_by[value.name]
        if value.order != _CHANNELS_LAST or added.ndim != 1 or made_by.op_type != "Conv" or len(made_by.input) > 2:
            raise UnknownModel("a constant is added to something else than a convolution")
        made_by.input.append(self.constant(added))  # the convolution's bias
        self._values[name] = value

    _convert_addv2 = _convert_add

    def _convert_leakyrelu(self, node: Node, name: str, inputs: list[str]) -> None:
        value = self._plain(inputs[0])
        made = self.emit("LeakyRelu", [value.name], alpha=float(node["attr"]["alpha"]["f"]))
        self._values[name] = _Value(made, value.order)

    def _convert_sigmoid(self, _node: Node, name: str, inputs: list[str]) -> None:
        value = self._plain(inputs[0])
        self._values[name] = _Value(self.emit("Sigmoid", [value.name]), value.order)

    def _convert_concatv2(self, _node: Node, name: str, inputs: list[str]) -> None:
        values = [self._plain(item) for item in inputs[:-1]]
        order = values[0].order
        if any(value.order != order for value in values):
            raise UnknownModel("differently ordered tensors are joined")
        axis = order[int(self._constants[inputs[-1]]) % len(order)]
        self._values[name] = _Value(self.emit("Concat", [value.name for value in values], axis=axis), order)

    def _convert_splitv(self, _node: Node, name: str, inputs: list[str]) -> None:
        value = self._plain(inputs[0])
        axis = value.order[int(self._constants[inputs[2]]) % len(value.order)]
        sizes = self._constants[inputs[1]].astype(np.int64)
        outputs = [f"t{len(self.nodes)}_{place}" for place in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [value.name, self.constant(sizes)], outputs, axis=axis))
        for place, output in enumerate(outputs):
            self._values[f"{name}:{place}" if place else name] = _Value(output, value.order)

    def _convert_reshape(self, _node: Node, name: str, inputs: list[str]) -> None:
        shape = self._constants[inputs[1]].astype(np.int64)
        made = self.emit("Reshape", [self.value(inputs[0]), self.constant(shape)])
        self._values[name] = _Value(made, tuple(range(len(shape))))

    def _convert_resizebilinear(self, node: Node, name: str, inputs: list[str]) -> None:
        value = self._channels_first(inputs[0])
        attributes = node["attr"]
        if value.pads or attributes["align_corners"]["b"] or not attributes["half_pixel_centers"]["b"]:
            raise UnknownModel("a resize by the corners of the picture")
        height, width = (int(size) for size in self._constants[inputs[1]])
        channels = self._channels_of(value.name)
        sizes = self.constant(np.array([1, channels, height, width], np.int64))
        made = self.emit("Resize", [value.name, "", "", sizes], mode="linear")
        self._values[name] = _Value(made, _CHANNELS_LAST)

    # ---- inside ----------------------------------------------------------------------------------

    def _plain(self, name: str) -> _Value:
        value = self._values[name]
        if value.pads:
            raise UnknownModel(f"{name}: only convolutions and pools may be padded")
        return value

    def _channels_first(self, name: str) -> _Value:
        value = self._values[name]
        if value.order != _CHANNELS_LAST:
            raise UnknownModel(f"{name}: its channels are not last")
        return value

    def _spatial_pads(self, node: Node, value: _Value) -> list[int]:
        if base64.b64decode(node["attr"]["padding"]["s"]) != b"VALID":
            raise UnknownModel("only explicit padding is known")
        pads = value.pads or (0,) * 8
        if any(pads[axis] for axis in (0, 1, 4, 5)):
            raise UnknownModel("a padding of channels")
        return [pads[2], pads[3], pads[6], pads[7]]

    def _channels_of(self, name: str) -> int:
        """Return the number of channels of a tensor that follows a convolution through sums and resizes."""
        node = self._made_by[name]
        while node.op_type != "Conv":
            node = self._made_by[node.input[0]]
        weights = next(item for item in self.initializers if item.name == node.input[1])
        return int(weights.dims[0])


def _computed(operation: str, values: list[Array]) -> Array:
    """Return the result of an operation on constants. Raise UnknownModel."""
    if operation in {"Add", "AddV2"}:
        return np.asarray(values[0] + values[1])
    if operation == "SparseToDense":
        places, shape, given, rest = values
        dense = np.full(tuple(shape), rest)
        if places.size:
            dense[tuple(places.T)] = given
        return dense
    if operation == "Identity":
        return values[0]
    raise UnknownModel(f"operation {operation} on constants")


def _spatial(node: Node, name: str) -> list[int]:
    """Return the two middle numbers of a list for four axes, channels last."""
    if base64.b64decode(node["attr"]["data_format"]["s"]) != b"NHWC":
        raise UnknownModel("channels are not last")
    return [int(size) for size in node["attr"][name]["list"]["i"][1:3]]


def convert_nanodet(folder: Path, name: str, classes: int) -> ModelProto:
    """Return NanoDet as ONNX: `picture` [1,3,H,W] in, [1,N,classes + 4 bins] out, as NanoDet's own exports have it.

    Raise UnknownModel.
    """
    described = json.loads((folder / f"{name}.json").read_text("utf-8"))
    constants = read_constants(described["weightsManifest"], folder)
    graph = GraphConverter(constants)
    outputs: dict[str, tuple[int, ...]] = {}
    for one in described["signature"]["outputs"].values():
        outputs[one["name"].removesuffix(":0")] = tuple(int(item["size"]) for item in one["tensorShape"]["dim"])
    shape: list[int] = []
    for node in described["modelTopology"]["node"]:
        if node["op"] == "Placeholder":
            shape = [int(item["size"]) for item in node["attr"]["shape"]["shape"]["dim"]]
            graph.add_input(node["name"], len(shape))
        elif node["op"] != "Const":
            graph.convert(node)
    scores = sorted((name for name in outputs if outputs[name][2] == classes), key=lambda name: -outputs[name][1])
    boxes = sorted((name for name in outputs if outputs[name][2] != classes), key=lambda name: -outputs[name][1])
    strides = [
        graph.emit("Concat", [graph.value(score), graph.value(box)], axis=2)
        for score, box in zip(scores, boxes, strict=True)
    ]
    graph.nodes.append(helper.make_node("Concat", strides, ["output"], axis=1))
    cells = sum(outputs[name][1] for name in scores)
    made = helper.make_graph(
        graph.nodes,
        "nanodet",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, cells, classes + outputs[boxes[0]][2]])],
        graph.initializers,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)

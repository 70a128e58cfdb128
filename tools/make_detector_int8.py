"""Make an ONNX model compute with whole numbers of eight bits: a quarter of the size, and half of the time.

The ranges of its tensors were measured once, on pictures (`python -m tools.make_detector --measure`), so that the
conversion needs no pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

_QUANTIZED = frozenset({"Conv", "LeakyRelu", "MaxPool", "Concat", "Add", "Resize"})
_SAME_RANGE = frozenset({"MaxPool", "Resize"})  # their outputs lie within their inputs' ranges
_MOST_WEIGHT = 64  # not 127: processors without VNNI saturate the sum of two products at 16 bits
Range = tuple[float, float]


def quantize(model: ModelProto, ranges: Mapping[str, Range]) -> ModelProto:
    """Return the model with quantized convolutions, sums and pools.

    `ranges`: the least and the largest number of each tensor that such an operation reads or writes.
    """
    made = _Quantizer(model, ranges)
    for node in model.graph.node:
        made.add(node)
    graph = helper.make_graph(
        made.nodes, model.graph.name, list(model.graph.input), list(model.graph.output), made.initializers
    )
    return helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)


def quantized_tensors(model: ModelProto) -> list[str]:
    """Return the names of the tensors whose ranges `quantize` needs."""
    weights = {item.name for item in model.graph.initializer}
    names: dict[str, None] = {}
    for node in model.graph.node:
        if _is_quantized(node, weights):
            tensors = node.input[:1] if node.op_type in {"Conv", "Resize"} else node.input
            names |= dict.fromkeys([*tensors, *node.output])
    return list(names)


def _is_quantized(node: NodeProto, weights: set[str]) -> bool:
    joins_outputs = node.op_type == "Concat" and any(item.name == "axis" and item.i != 1 for item in node.attribute)
    return node.op_type in _QUANTIZED and not joins_outputs and node.input[0] not in weights


class _Quantizer:
    def __init__(self, model: ModelProto, ranges: Mapping[str, Range]) -> None:
        self.nodes: list[NodeProto] = []
        self._weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        self.initializers: list[TensorProto] = []
        self._ranges = dict(ranges)
        self._scales: dict[str, tuple[float, int]] = {}
        self._rounded: dict[str, str] = {}

    def add(self, node: NodeProto) -> None:
        """Add a node with its quantized inputs and output."""
        copy = NodeProto()
        copy.CopyFrom(node)
        if not _is_quantized(node, set(self._weights)):
            for place, name in enumerate(node.input):
                self._use(copy, place, name)
            self.nodes.append(copy)
            return
        if node.op_type in _SAME_RANGE:
            self._scales[node.output[0]] = self._scale(node.input[0])
        for place, name in enumerate(node.input):
            self._use(copy, place, name, is_quantized=place == 0 or node.op_type in {"Concat", "Add"})
        if node.op_type == "Conv":
            self._quantize_weights(copy, node)
        self.nodes.append(copy)
        self._round(node.output[0])

    def _use(self, node: NodeProto, place: int, name: str, *, is_quantized: bool = False) -> None:
        if name in self._weights:
            if not (node.op_type == "Conv" and place in (1, 2)):
                self._keep(name, self._weights[name])
        elif name:
            node.input[place] = self._round(name) if is_quantized else self._rounded.get(name, name)

    def _round(self, name: str) -> str:
        """Return the tensor after it was rounded to eight bits."""
        if name not in self._rounded:
            scale, zero = self._scale(name)
            pair = [
                self._keep(f"{name}_scale", np.float32(scale)),
                self._keep(f"{name}_zero", np.uint8(zero)),
            ]
            self.nodes.append(helper.make_node("QuantizeLinear", [name, *pair], [f"{name}_q"]))
            self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *pair], [f"{name}_r"]))
            self._rounded[name] = f"{name}_r"
        return self._rounded[name]

    def _scale(self, name: str) -> tuple[float, int]:
        if name not in self._scales:
            least, most = self._ranges[name]
            least, most = min(least, 0.0), max(most, 0.0)
            scale = (most - least) / 255 or 1.0
            self._scales[name] = (scale, round(-least / scale))
        return self._scales[name]

    def _quantize_weights(self, copy: NodeProto, node: NodeProto) -> None:
        weights = self._weights[node.input[1]]
        largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
        scales = np.maximum(largest / _MOST_WEIGHT, 1e-12).astype(np.float32)
        rounded = np.round(weights / scales[:, None, None, None]).astype(np.int8)
        copy.input[1] = self._dequantized(node.input[1], rounded, scales)
        if len(node.input) > 2:
            bias_scales = scales * np.float32(self._scale(node.input[0])[0])
            bias = np.round(self._weights[node.input[2]] / bias_scales).astype(np.int32)
            copy.input[2] = self._dequantized(node.input[2], bias, bias_scales)

    def _dequantized(self, name: str, values: NDArray[Any], scales: NDArray[np.float32]) -> str:
        zeros = np.zeros(len(scales), values.dtype)
        inputs = [self._keep(name, values), self._keep(f"{name}_scale", scales), self._keep(f"{name}_zero", zeros)]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [f"{name}_r"], axis=0))
        return f"{name}_r"

    def _keep(self, name: str, value: Any) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

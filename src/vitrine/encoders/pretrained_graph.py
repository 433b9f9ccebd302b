"""Look into an ONNX file before it is run: what it may not hold, and what it can give.

An ONNX file is a protocol buffer. It is walked field by field here, tensors skipped, so that this
needs neither the ``onnx`` package nor a copy of the weights. The numbers are ``onnx.proto``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vitrine.errors import ArtifactError, OptionError

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Operators that ONNX Runtime itself has; others would need foreign code."""

_MAX_DEPTH = 32
_CLASSIFIERS = ("Gemm", "MatMul", "Conv")

Value = int | memoryview


@dataclass(frozen=True)
class Node:
    """One operator and the names of the values it reads and makes."""

    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass
class Graph:
    """What an ONNX file computes.

    Attributes
    ----------
    nodes : list of Node
        Of the main graph, in order.
    outputs : list of str
    """

    nodes: list[Node] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def before_classifier(self, output: str) -> str:
        """Return the name of what the last dense layer (or convolution) before `output` reads.

        For a classifier that is the vector its classes are read from.

        Raises
        ------
        OptionError
            If there is no such layer.
        """
        makers = {name: node for node in self.nodes for name in node.outputs}
        value = output
        while value in makers:
            node = makers[value]
            if node.operator in _CLASSIFIERS:
                return node.inputs[0]
            value = next((name for name in node.inputs if name in makers), "")
        raise OptionError(
            f"output=penultimate: no dense layer leads to {output!r}; name one of the outputs "
            f"({', '.join(self.outputs)})"
        )


def read_graph(content: bytes, name: str) -> Graph:
    """Return what the file computes, after a look at what it may not hold.

    Raises
    ------
    ArtifactError
        If it is no ONNX file, keeps weights in other files, or uses operators that ONNX Runtime
        does not bring.
    """
    try:
        reader = _Reader(name)
        reader.model(memoryview(content))
    except (IndexError, ValueError, TypeError) as error:  # what walking other bytes runs into
        raise ArtifactError(f"{name}: not an ONNX file ({error})") from error
    if not reader.graph.nodes or not reader.graph.outputs:
        raise ArtifactError(f"{name}: not an ONNX file (it computes nothing)")
    return reader.graph


def with_output(content: bytes, value: str) -> bytes:
    """Return the file with a value from inside as one more output.

    Protocol buffers that follow one another are merged, so the file itself is left as it is.
    """
    output = _message(1, value.encode())  # ValueInfoProto.name
    return content + _message(7, _message(12, output))  # ModelProto.graph, GraphProto.output


class _Reader:
    def __init__(self, name: str) -> None:
        self.name, self.graph = name, Graph()
        self.domains: set[str] = set()
        self.local: set[str] = set()

    def model(self, content: memoryview) -> None:
        for number, value in _fields(content):
            if number == 7:
                self.read(_bytes(value), self.graph, 0)
            elif number == 25:  # functions: their bodies are looked at as well
                self.function(_bytes(value))
            elif number == 20:  # training, which is never run
                raise ArtifactError(f"{self.name}: holds a training graph; export it for inference")
        if foreign := self.domains - DOMAINS - self.local:
            raise ArtifactError(
                f"{self.name}: uses operators of {', '.join(sorted(foreign))}, which need foreign "
                "code; export the model with ONNX's own operators"
            )

    def function(self, content: memoryview) -> None:
        for number, value in _fields(content):
            if number == 7:
                self.node(_bytes(value), Graph(), 0)
            elif number == 10:
                self.local.add(_text(value))

    def read(self, content: memoryview, graph: Graph, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ValueError("graphs within graphs without end")
        for number, value in _fields(content):
            if number == 1:
                self.node(_bytes(value), graph, depth)
            elif number == 5:
                self.tensor(_bytes(value))
            elif number == 12:
                names = [_text(part) for n, part in _fields(_bytes(value)) if n == 1]
                graph.outputs.extend(names)
            elif number == 15:
                self.sparse_tensor(_bytes(value))

    def node(self, content: memoryview, graph: Graph, depth: int) -> None:
        inputs, outputs, operator, domain = [], [], "", ""
        for number, value in _fields(content):
            if number == 1:
                inputs.append(_text(value))
            elif number == 2:
                outputs.append(_text(value))
            elif number == 4:
                operator = _text(value)
            elif number == 5:
                self.attribute(_bytes(value), depth)
            elif number == 7:
                domain = _text(value)
        self.domains.add(domain)
        graph.nodes.append(Node(operator, domain, tuple(inputs), tuple(outputs)))

    def attribute(self, content: memoryview, depth: int) -> None:
        for number, value in _fields(content):
            if number in (5, 10):
                self.tensor(_bytes(value))
            elif number in (6, 11):
                self.read(_bytes(value), Graph(), depth + 1)
            elif number in (22, 23):
                self.sparse_tensor(_bytes(value))

    def sparse_tensor(self, content: memoryview) -> None:
        for number, value in _fields(content):
            if number in (1, 2):
                self.tensor(_bytes(value))

    def tensor(self, content: memoryview) -> None:
        for number, value in _fields(content):
            if number == 13 or (number == 14 and value == 1):
                raise ArtifactError(
                    f"{self.name}: keeps weights in other files, whose paths it may choose; save "
                    "it as one file (onnx.save with save_as_external_data=False)"
                )


def _fields(content: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield the number and the value of each field of a message."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(content, at)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(content, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(content):
            raise ValueError("it ends early")
        yield number, content[at : at + length]
        at += length


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number without end")


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise TypeError("a number where a message belongs")
    return value


def _text(value: Value) -> str:
    return bytes(_bytes(value)).decode()


def _message(number: int, content: bytes) -> bytes:
    """Return a field that holds bytes."""
    return _number(number << 3 | 2) + _number(len(content)) + content


def _number(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])

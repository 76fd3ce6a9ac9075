"""The golden samples: one record or message a file, by release. Those of a release stay as they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from aivis.events.envelope import JsonObject, Record, Value
from aivis.v1 import knowledge_pb2, tools_pb2

ROOT = Path(__file__).parents[1] / "samples"
RELEASES = sorted((folder for folder in ROOT.glob("v*")), key=lambda folder: int(folder.name[1:]))
NEWEST = RELEASES[-1]


@dataclass(frozen=True)
class Sample:
    """A sample: `KIND.json`, or `KIND+VARIANT.json` where one record cannot have every field."""

    path: Path

    @property
    def name(self) -> str:
        return f"{self.path.relative_to(ROOT)}"

    @property
    def kind(self) -> str:
        return self.path.name.removesuffix(".json").split("+")[0]

    @property
    def newest(self) -> bool:
        return NEWEST in self.path.parents

    def document(self) -> JsonObject:
        found: JsonObject = orjson.loads(self.path.read_bytes())
        return found


EVENTS = [Sample(path) for release in RELEASES for path in sorted(release.glob("*.json"))]
MESSAGES = [Sample(path) for release in RELEASES for path in sorted((release / "grpc").glob("*.json"))]


def record(document: JsonObject) -> Record:
    """The record that a sample shows."""
    return Record(
        topic=document["topic"],
        key=document["key"].encode(),
        headers=tuple((name, value.encode()) for name, value in document["headers"].items()),
        value=orjson.dumps(document["value"]),
    )


def message_classes() -> dict[str, type[Message]]:
    """Every message of proto/aivis/v1, by its name."""
    files = (tools_pb2.DESCRIPTOR, knowledge_pb2.DESCRIPTOR)
    found = [each for file in files for top in file.message_types_by_name.values() for each in _nested(top)]
    return {descriptor.name: GetMessageClass(descriptor) for descriptor in found}


def _nested(descriptor: Descriptor) -> Iterator[Descriptor]:
    yield descriptor
    for each in descriptor.nested_types:
        yield from _nested(each)


def values(value: Value, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Value]]:
    """`value` and every value inside it, each with its place in the JSON."""
    yield at, value
    for name in type(value).model_fields:
        part = getattr(value, name)
        for place, each in enumerate(part) if isinstance(part, tuple) else [(None, part)]:
            if isinstance(each, Value):
                yield from values(each, (*at, name) if place is None else (*at, name, place))


def contains(whole: Any, part: Any) -> bool:
    """Whether `whole` says all that `part` says."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and contains(whole[name], part[name]) for name in part)
    if isinstance(part, list):
        return len(whole) == len(part) and all(contains(w, p) for w, p in zip(whole, part, strict=True))
    return bool(whole == part)

"""What earlier versions wrote is read by this one, and what this one writes by the one before it, as git has them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import orjson
import pytest
from google.protobuf import descriptor_pb2, json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from aivis.events import registry
from aivis.events.envelope import JsonObject, encode
from tests.contract import history
from tests.contract.samples import EVENTS, MESSAGES, Sample, contains, message_classes, record

Versions = list[tuple[str, dict[str, JsonObject]]]
"""Each version's commit, and its samples by their paths."""

READS = """
import orjson, sys
from aivis.events import registry
for name, kind, headers, value in orjson.loads(sys.stdin.buffer.read()):
    if kind in registry.PAYLOADS:
        registry.decode(tuple((k, v.encode()) for k, v in headers.items()), orjson.dumps(value), where=name)
        print(name)
"""


@pytest.fixture(scope="module")
def earlier() -> Versions:
    found = [(commit, history.files(commit, "tests/samples", ".json")) for commit in history.versions()]
    return [(commit, {path: orjson.loads(text) for path, text in samples.items()}) for commit, samples in found]


def _events(samples: Mapping[str, JsonObject]) -> dict[str, JsonObject]:
    return {path: document for path, document in samples.items() if "/grpc/" not in path}


def _messages(samples: Mapping[str, JsonObject]) -> list[tuple[Sample, JsonObject]]:
    return [(Sample(Path(path)), document) for path, document in samples.items() if "/grpc/" in path]


def test_no_sample_of_an_earlier_version_is_gone_or_says_something_else(earlier: Versions) -> None:
    for commit, samples in earlier:
        assert samples, commit
        for path, before in samples.items():
            file = history.ROOT / path
            assert file.exists(), f"{path} of {commit} is gone: what was written then must stay readable"
            assert contains(orjson.loads(file.read_bytes()), before), f"{path} is not as in {commit}: samples only grow"


def test_events_as_earlier_versions_wrote_them_are_read_and_written_with_all_they_say(earlier: Versions) -> None:
    for commit, samples in earlier:
        for path, document in _events(samples).items():
            read = record(document)
            written = encode(registry.decode(read.headers, read.value, where=f"{commit}:{path}"), document["topic"])
            assert (written.topic, written.key) == (read.topic, read.key), path
            assert dict(read.headers).items() <= dict(written.headers).items(), path
            assert contains(orjson.loads(written.value), document["value"]), path


@pytest.mark.timeout(120)
def test_the_previous_version_reads_every_event_of_a_type_it_knows(tmp_path: Path) -> None:
    commit = history.previous()
    documents = [(sample.name, sample.kind, sample.document()) for sample in EVENTS]
    handed = orjson.dumps([(name, kind, said["headers"], said["value"]) for name, kind, said in documents])
    with history.worktree(commit, tmp_path / "then") as code:
        there = {**os.environ, **history.importing(code)}
        read = subprocess.run([sys.executable, "-c", READS], input=handed, env=there, capture_output=True, check=False)
    assert read.returncode == 0, f"{commit} cannot read what is written now: {read.stderr.decode()[-600:]}"
    assert len(read.stdout.splitlines()) > len(documents) / 2


def message_classes_of(commit: str, folder: Path) -> dict[str, type[Message]]:
    """Every message of the protos in `commit`, by its name."""
    from grpc_tools import protoc

    for path, text in history.files(commit, "proto", ".proto").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text)
    sources = [str(path) for path in sorted((folder / "proto").rglob("*.proto"))]
    well_known, made = str(files("grpc_tools") / "_proto"), folder / "set"
    arguments = [f"-I{folder / 'proto'}", f"-I{well_known}", f"--descriptor_set_out={made}", "--include_imports"]
    assert protoc.main(["protoc", *arguments, *sources]) == 0
    pool, found = DescriptorPool(), {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()).file:
        pool.Add(file)
        if file.package.startswith("aivis"):
            names = [name for message in file.message_type for name in _names(message)]
            for name in names:
                descriptor = pool.FindMessageTypeByName(f"{file.package}.{name}")
                found[descriptor.name] = GetMessageClass(descriptor)
    return found


def _names(message: descriptor_pb2.DescriptorProto, outer: str = "") -> list[str]:
    name = outer + message.name
    return [name, *(inner for nested in message.nested_type for inner in _names(nested, f"{name}."))]


def test_messages_are_the_same_on_the_wire_to_earlier_versions_and_to_this_one(
    earlier: Versions, tmp_path: Path
) -> None:
    """Names are not on the wire: a field that changed its number or its type is another field."""
    now = message_classes()
    for commit, samples in earlier:
        then = message_classes_of(commit, tmp_path / commit)
        for sample, document in _messages(samples):
            sent = json_format.ParseDict(document, then[sample.kind]()).SerializeToString()
            assert contains(json_format.MessageToDict(now[sample.kind].FromString(sent)), document), sample.path
        for sample in MESSAGES:
            if sample.kind in then:
                sent = json_format.ParseDict(sample.document(), now[sample.kind]()).SerializeToString()
                read = json_format.MessageToDict(then[sample.kind].FromString(sent))
                assert contains(sample.document(), read), f"{commit} reads {sample.name} as something else: {read}"

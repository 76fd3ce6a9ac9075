"""Whatever decodes has a harness, and every harness takes what it begins with."""

from pathlib import Path

import pytest

from aivis.errors import Invalid
from fuzz.__main__ import fails
from fuzz.harness import Harness
from fuzz.sites import sites
from fuzz.table import HARNESSES

_OURS = "reads what this code itself wrote a moment ago, or ships with it"
_DECODED = "through registry.payload, which `records` plays"
ELSEWHERE = {
    "aivis/cli/embedded.py:Run.read": _OURS,
    "aivis/cli/letters.py:span": "a time as our own API wrote it",
    "aivis/toolkit/call.py:Call.before": "a note of the tool's own journal",
    "domains/cloud/demo/expert.py:_recorded": _DECODED,
    "domains/cloud/demo/play.py:_seconds": _OURS,
    "domains/cloud/lab/tickets.py:_ticket": _OURS,
    "domains/cloud/lab/tickets.py:demo": _OURS,
    "domains/cloud/lab/tickets.py:phrasings": _OURS,
    "domains/cloud/tools/instances.py:_listening": "what boto3 read",
    "domains/cloud/tools/paths.py:_path": _OURS,
    "services/escalation/server/finding.py:log_of": _DECODED,
    "services/escalation/timeline.py:_of": _OURS,
    "services/executor/providers/knowledge.py:KnowledgeSearch.call": "arguments that were checked and written here",
    "services/gateway/consumer.py:Gateway._missed": _DECODED,
    "services/gateway/server/reading.py:entry": _DECODED,
    "services/planner/consumer.py:_answered": _OURS,
    "services/reasoner/advancing.py:_result": "a result that the executor has read and kept",
    "services/reasoner/server.py:_entry": _DECODED,
}
"""Places that need no harness, and why."""


def test_whatever_decodes_has_a_harness_or_a_reason_to_need_none() -> None:
    covered = {place for harness in HARNESSES for place in harness.covers}
    assert sites() - covered == set(ELSEWHERE), "add a harness to fuzz/, or say here why not"
    assert covered <= sites(), "a harness covers what is not there any more"
    assert len({harness.name for harness in HARNESSES}) == len(HARNESSES)


@pytest.mark.parametrize("harness", HARNESSES, ids=lambda harness: harness.name)
def test_a_harness_decodes_what_it_begins_with_and_refuses_the_rest_in_declared_words(harness: Harness) -> None:
    seeds = harness.seeds()
    done = 0
    for seed in seeds:
        for data in (seed, seed[: len(seed) // 2], seed[::-1], b"", b"\xff\x00" + seed):
            try:
                harness.run(data)
            except harness.errors:
                continue
            done += data is seed
    assert done, "none of its seeds is decoded"


@pytest.mark.parametrize(
    ("error", "found"),
    [(None, False), (Invalid("no"), False), (KeyError("x"), True)],
    ids=["done", "declared", "other"],
)
def test_only_what_is_not_declared_is_a_finding(tmp_path: Path, error: Exception | None, found: bool) -> None:
    def run(data: bytes) -> None:
        if error is not None:
            raise error

    path = tmp_path / "input"
    path.write_bytes(b"x")
    assert fails(Harness("test", "a test", run, (), list), path) is found

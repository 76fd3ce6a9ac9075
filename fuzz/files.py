"""What is read from files and the environment: modules, routing, policies, documents, tickets, settings, figures."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from aivis.artifacts import ArtifactStore
from aivis.cli import letters, tickets
from aivis.cli.backups import MANIFEST, Manifest
from aivis.errors import AivisError
from aivis.modules import catalogue, expressions, linter
from aivis.modules.catalogue import Catalogue
from aivis.modules.expressions import Scope, Undecided
from aivis.modules.loader import load, parse_all
from aivis.settings import ServiceSettings
from domains.cloud import accounts
from fuzz.harness import Harness, as_file, headed, with_head
from fuzz.sites import ROOT
from learning.evaluation import files as evaluation
from services.escalation.settings import EscalationSettings
from services.executor.policy import Policies
from services.executor.settings import ExecutorSettings
from services.gateway.settings import GatewaySettings
from services.planner import domain
from services.planner.settings import PlannerSettings
from services.reasoner.settings import ReasonerSettings
from services.retriever import files, passages
from services.retriever.settings import RetrieverSettings

_DOMAIN = ROOT / "domains" / "cloud"
_SETTINGS: tuple[type[ServiceSettings], ...] = (
    GatewaySettings, PlannerSettings, ReasonerSettings, ExecutorSettings, RetrieverSettings, EscalationSettings,
)  # fmt: skip
_MEDIA = ("text/markdown", "text/html", "text/plain")


def _all(folder: Path, pattern: str, most: int = 40) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob(pattern))[:most]]


def _module(data: bytes) -> None:
    """Problems are told, never raised."""
    text = data.decode(errors="replace")
    loaded = parse_all([("module.yaml", text)])
    linter.problems_of(loaded, _catalogue())


@cache
def _catalogue() -> Catalogue:
    return catalogue.read(_DOMAIN / "tools.json")


def _modules() -> Sequence[bytes]:
    return _all(_DOMAIN / "modules", "*.yaml")


def _expression(data: bytes) -> None:
    """Over values such as a ticket and a result have; what has no value is told as that."""
    source = data.decode(errors="replace")
    scope = Scope(
        ticket={"port": 443, "source": "203.0.113.7/32", "names": ["a", "b"]},
        found={"group_id": "sg-1"},
        result={"rules": [{"port": 443, "open": True}], "state": "off"},
    )
    expressions.holds(source, scope)
    expressions.render("{" + source.replace("{", "").replace("}", "") + "}", scope)
    expressions.arguments({"value": source}, scope)


def _expressions() -> Sequence[bytes]:
    library = load(_DOMAIN / "modules")
    texts = {use for source in _modules() for use in _quoted(source)}
    assert library is not None
    more = [b"within(ticket.source, '203.0.113.0/24')", b"block(ticket.source)", b"result.rules.exists(r, r.open)"]
    return [*sorted(texts)[:60], *more]


def _quoted(source: bytes) -> list[bytes]:
    return [part for part in source.split(b'"')[1::2] if b"result" in part or b"ticket" in part]


def _routing(data: bytes) -> None:
    """routing.yaml, concepts.yaml, and examples."""
    kind, _, content = data.partition(b"\n")
    path = Path("file")
    if kind == b"routing":
        domain._routing(path, content)
    elif kind == b"concepts":
        domain._concepts(path, content)
    else:
        domain._examples(path, content, _known())


@cache
def _known() -> domain.Routing:
    path = _DOMAIN / "routing.yaml"
    return domain._routing(path, path.read_bytes())


def _routings() -> Sequence[bytes]:
    kinds = {b"routing": "routing.yaml", b"concepts": "concepts.yaml"}
    found = [kind + b"\n" + (_DOMAIN / name).read_bytes() for kind, name in kinds.items()]
    rack = ROOT / "chaos" / "rack" / "routing.yaml"
    examples = [b"examples\n" + each[:400].rpartition(b"\n")[0] for each in _all(_DOMAIN / "examples", "*.jsonl")]
    return [*found, b"routing\n" + rack.read_bytes(), *examples]


def _policy(data: bytes) -> None:
    Policies(data.decode(errors="replace"), where="file")


def _policies() -> Sequence[bytes]:
    return [(_DOMAIN / "policy.cedar").read_bytes(), (ROOT / "chaos" / "rack" / "policy.cedar").read_bytes()]


def _document(data: bytes) -> None:
    """From a file, and cut into passages as each media type; a passage is never too long or empty."""
    for suffix in (".md", ".html"):
        try:
            document = files.document_of(as_file(data, suffix), id="d")
        except HARNESSES[0].errors:
            continue
        for passage in passages.cut(document):
            assert passage.text.strip()


def _documents() -> Sequence[bytes]:
    return [*_all(_DOMAIN / "knowledge", "**/*.md"), b"<title>T</title><h1>A</h1><ul><li>b<table><tr><td>c</ul>"]


def _settings(data: bytes) -> None:
    """The environment, `NAME: VALUE` lines."""
    environment = {name: value.decode(errors="replace") for name, value in headed(data)[0]}
    for kind in _SETTINGS:
        _refused_or_done(kind, environment)


def _refused_or_done(kind: type[ServiceSettings], environment: dict[str, str]) -> None:
    try:
        kind.load(environment)
    except HARNESSES[0].errors:
        return


def _environments() -> Sequence[bytes]:
    names = {
        "AIVIS_KAFKA": b"127.0.0.1:9092", "AIVIS_DATABASE": b"sqlite:x", "AIVIS_GATEWAY_SOURCES": b'{"desk":"acme"}',
        "AIVIS_EXECUTOR_TOOL_SERVERS": b'["127.0.0.1:1"]', "AIVIS_EXECUTOR_RETRY_SECONDS": b"3",
        "AIVIS_ESCALATION_KEYS": b'[{"name":"a","role":"expert","tenants":["acme"],"sha256":"00"}]',
    }  # fmt: skip
    return [with_head([*names.items()], b""), *[with_head([each], b"") for each in names.items()]]


def _lines(data: bytes) -> None:
    """Files of the command line and of evaluations: tickets, tenants, rows, ages."""
    kind, _, content = data.partition(b"\n")
    if kind == b"tickets":
        tickets._tickets(as_file(content))
    elif kind == b"tenants":
        accounts.read_tenants(as_file(content, ".json"))
    elif kind == b"age":
        letters.seconds(content.decode(errors="replace"))
    else:
        list(evaluation.rows(as_file(content, ".gz" if kind == b"gz" else ".jsonl"), needs=("text",)))


def _lines_seeds() -> Sequence[bytes]:
    import gzip

    row = b'{"text":"a","intent":"b"}\n'
    return [
        b'tickets\n{"customer":"mia","subject":"s","text":"t"}\n',
        b'tenants\n{"acme":{"profile":"p"}}',
        b"rows\n" + row,
        b"age\n1d12h",
        b"gz\n" + gzip.compress(row, mtime=0),
    ]


def _backup(data: bytes) -> None:
    """The manifest of a backup."""
    file = as_file(b"").with_name(MANIFEST)
    file.write_bytes(data)
    Manifest.read(file.parent)


def _backups() -> Sequence[bytes]:
    return [b'{"made_at":"2026-01-01T00:00:00Z","databases":[]}']


def _reference(data: bytes) -> None:
    """A reference reaches nothing outside its tenant's folder."""
    tenant, _, digest = data.decode(errors="replace").partition("\n")
    root = Path("artifacts")
    path = ArtifactStore(root)._path(tenant, digest)
    assert (root / tenant).resolve() in path.resolve().parents, path


HARNESSES = (
    Harness(
        "modules", "files of modules, with all that the linter looks at", _module,
        ("aivis/modules/loader.py:_form", "aivis/modules/marks.py:read", "aivis/modules/inspection.py:_remedy"),
        _modules,
    ),
    Harness(
        "expressions", "CEL of modules", _expression, ("aivis/modules/expressions.py:compiled",), _expressions,
        (AivisError, Undecided),
    ),
    Harness(
        "routing", "routing.yaml, concepts.yaml, examples", _routing,
        (
            "services/planner/domain.py:_examples", "services/planner/domain.py:_form",
            "services/planner/domain.py:_yaml",
        ),
        _routings,
    ),
    Harness("policies", "Cedar", _policy, ("services/executor/policy.py:Policies.__init__",), _policies),
    Harness(
        "documents", "knowledge: front matter, Markdown, HTML, cut into passages", _document,
        ("services/retriever/files.py:_front", "aivis/plain_yaml.py:load"), _documents,
    ),
    Harness(
        "settings", "every service's settings from the environment", _settings,
        ("aivis/settings.py:Settings.load", "aivis/settings.py:_read"), _environments,
    ),
    Harness(
        "lines", "files of the command line and of evaluations", _lines,
        (
            "aivis/cli/tickets.py:_tickets", "domains/cloud/accounts.py:read_tenants",
            "learning/evaluation/files.py:_row",
        ),
        _lines_seeds,
    ),
    Harness("backups", "manifests of backups", _backup, ("aivis/cli/backups.py:Manifest.read",), _backups),
    Harness("references", "references to artifacts", _reference, (), lambda: [b"acme\n" + b"a" * 64]),
)  # fmt: skip

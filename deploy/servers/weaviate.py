"""Weaviate: built by Go from its published module, with three lines changed so that it listens on loopback alone.

As released it opens its gRPC, cluster and gossip ports on every address and has no setting for that. An open database
without a password is nothing to leave on somebody's laptop.
"""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from deploy.servers.launches import Launch, Ports, Say, Server, recipe, whole
from deploy.servers.places import Places
from deploy.servers.ports import LOOPBACK, answers
from deploy.servers.prerequisites import go
from deploy.servers.processes import Command

VERSION = "1.33.0"
_MODULE = f"github.com/weaviate/weaviate@v{VERSION}"
_SAY_EVERY = 15  # seconds
_LOOPBACK_ONLY = (
    (
        "adapters/handlers/grpc/server.go",
        'Listen("tcp", fmt.Sprintf(":%d"',
        f'Listen("tcp", fmt.Sprintf("{LOOPBACK}:%d"',
    ),
    ("adapters/handlers/rest/clusterapi/serve.go", 'Sprintf(":%d", port)', f'Sprintf("{LOOPBACK}:%d", port)'),
    ("usecases/cluster/state.go", "DefaultLANConfig()\n", f'DefaultLANConfig()\n\tcfg.BindAddr = "{LOOPBACK}"\n'),
)


def _program(places: Places) -> Path:
    return places.cache / f"weaviate-{VERSION}-{recipe(str(_LOOPBACK_ONLY))}" / "weaviate-server"


def _check(places: Places) -> None:
    if not whole(_program(places).parent):
        go()


def _fetch(places: Places, say: Say) -> None:
    if whole(_program(places).parent):
        return
    say(f"building Weaviate {VERSION}: 3 to 10 minutes, once for all clones")
    with tempfile.TemporaryDirectory(dir=places.cache) as work:
        source, built = Path(work) / "source", Path(work) / "built"
        _copy_source(source, say)
        for name, old, new in _LOOPBACK_ONLY:
            _replace(source / name, old, new)
        built.mkdir()
        _build(source, built / "weaviate-server", say)
        built.rename(_program(places).parent)


def _copy_source(target: Path, say: Say) -> None:
    """The module as Go's proxy and checksum database have it, in a folder that can be written to."""
    say("downloading its source")
    shown = Command([str(go()), "mod", "download", "-json", _MODULE], target.parent, {"GOFLAGS": "-mod=mod"}).run()
    shutil.copytree(json.loads(shown[shown.index("{") :])["Dir"], target, copy_function=shutil.copyfile)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if text.count(old) != 1:
        raise RuntimeError(f"Weaviate {VERSION}: {path} does not hold {old!r} once; mend _LOOPBACK_ONLY in weaviate.py")
    path.write_text(text.replace(old, new))


def _build(source: Path, program: Path, say: Say) -> None:
    """Build at low priority, saying every quarter minute how far it is."""
    build = ["nice", "-n", "10", str(go()), "build", "-v", "-trimpath", "-ldflags=-s -w"]
    log = source.parent / "build.log"
    began = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*build, "-o", str(program), "./cmd/weaviate-server"],
            cwd=source,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            while _running(child):
                packages = log.read_bytes().count(b"\n")
                say(f"{packages} packages so far, {time.monotonic() - began:.0f} s")
        finally:
            if child.poll() is None:
                child.terminate()
    if child.returncode:
        raise RuntimeError(f"go build of Weaviate failed:\n{log.read_text()[-2000:]}")


def _running(child: "subprocess.Popen[bytes]") -> bool:
    try:
        child.wait(_SAY_EVERY)
    except subprocess.TimeoutExpired:
        return True
    return False


def _launch(places: Places, ports: Ports) -> Launch:
    http, grpc, gossip, cluster, raft, raft_rpc = ports
    environ = {
        "PERSISTENCE_DATA_PATH": str(places.of("weaviate") / "data"),
        "CLUSTER_HOSTNAME": "node",
        "CLUSTER_ADVERTISE_ADDR": LOOPBACK,
        "CLUSTER_GOSSIP_BIND_PORT": str(gossip),
        "CLUSTER_DATA_BIND_PORT": str(cluster),
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_PORT": str(raft),
        "RAFT_INTERNAL_RPC_PORT": str(raft_rpc),
        "GRPC_PORT": str(grpc),
        "GO_PROFILING_DISABLE": "true",
        "DISABLE_TELEMETRY": "true",
        "DEFAULT_VECTORIZER_MODULE": "none",
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
        "LOG_LEVEL": "warning",
    }
    listen = ["--host", LOOPBACK, "--port", str(http), "--scheme", "http"]
    return Launch(
        Command([str(_program(places)), *listen], places.of("weaviate"), environ),
        ready=lambda: _ready(http) and answers(grpc),
        environment={"AIVIS_TEST_WEAVIATE": f"http://{LOOPBACK}:{http},{grpc}"},
    )


def _ready(port: int) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{LOOPBACK}:{port}/v1/.well-known/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


WEAVIATE = Server("weaviate", 6, _check, _fetch, _launch)

"""`python -m deploy.generate [--check]`: write what is generated from the contracts, or say what is out of date."""

import importlib
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

import yaml

import chaos.rack.server
from aivis.asyncapi import document
from aivis.modules import catalogue
from deploy.servers.places import REPOSITORY

Generated = Mapping[Path, bytes]
"""What belongs in the repository, by path from its root."""


def stubs() -> Generated:
    """The Python of proto/, with types, by the protoc that grpcio-tools carries."""
    from grpc_tools import protoc

    proto = REPOSITORY / "proto"
    sources = [str(path) for path in sorted(proto.glob("aivis/**/*.proto"))]
    well_known = str(files("grpc_tools") / "_proto")
    with tempfile.TemporaryDirectory() as folder:
        made = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
        if protoc.main(["protoc", f"-I{proto}", f"-I{well_known}", *made, *sources]):
            raise SystemExit("protoc refused proto/; its message is above")
        return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def asyncapi() -> Generated:
    """The AsyncAPI document of the bus."""
    text = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)
    return {Path("docs/asyncapi.yaml"): text.encode()}


def tools() -> Generated:
    """What each domain's tool server declares, for the reasoner and the linter, which call no tool server."""
    servers = sorted((REPOSITORY / "domains").glob("*/server.py"))
    return {_catalogue(server): catalogue.written(_declared(server)) for server in servers}


def _catalogue(server: Path) -> Path:
    return server.relative_to(REPOSITORY).with_name("tools.json")


def _declared(server: Path) -> list[catalogue.DeclaredTool]:
    module = importlib.import_module(".".join(server.relative_to(REPOSITORY).with_suffix("").parts))
    return [catalogue.declared(tool) for tool in module.all_tools()]


def rack() -> Generated:
    """The same for the rack of the fault matrix, whose tool server is not made with our kit."""
    return {Path("chaos/rack/tools.json"): catalogue.written(chaos.rack.server.catalogue())}


GENERATORS: tuple[Callable[[], Generated], ...] = (stubs, asyncapi, tools, rack)


def main() -> int:
    """Write, or with --check compare; exit status 1 names every file that differs."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, content in _everything().items():
        target = REPOSITORY / path
        if target.exists() and target.read_bytes() == content:
            continue
        stale.append(path)
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in stale:
        print(f"{'out of date, run make generate' if check else 'written'}: {path}")
    return 1 if check and stale else 0


def _everything() -> dict[Path, bytes]:
    return {path: content for generator in GENERATORS for path, content in generator().items()}


if __name__ == "__main__":
    sys.exit(main())

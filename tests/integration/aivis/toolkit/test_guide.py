"""The guide's code runs as it stands in the guide."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
GUIDE = ROOT / "docs" / "writing-a-tool-server.md"


@pytest.fixture
def code(tmp_path: Path) -> tuple[Path, Path, int]:
    """The server's and the caller's code as files, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    server, caller = blocks
    for name, text in (("flags.py", server), ("caller.py", caller)):
        assert "7020" in text
        (tmp_path / name).write_text(text.replace("7020", str(port)), encoding="utf-8")
    return tmp_path / "flags.py", tmp_path / "caller.py", port


def test_the_guides_server_runs_and_answers_the_guides_caller(code: tuple[Path, Path, int]) -> None:
    server, caller, port = code
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, server.name], cwd=server.parent, env=environment)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.05)
        said = subprocess.run(
            [sys.executable, caller.name],
            cwd=server.parent,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        process.terminate()
        process.wait(15)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == ["['flags.switch']", "b'{\"was\":false}'", "b'{\"was\":false}'"]
    assert (server.parent / "features" / "acme" / "dark-mode").exists()
    assert process.returncode == 0


@pytest.mark.timeout(150)
def test_the_guides_server_is_short_and_strictly_typed(code: tuple[Path, Path, int]) -> None:
    server, _, _ = code
    text = server.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("from ", "import "))]
    assert len(lines) <= 35
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            "--cache-dir",
            str(server.parent / "cache"),
            server.name,
        ],
        cwd=server.parent,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout

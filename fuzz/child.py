"""One harness under atheris: `python -m fuzz.child MODULE NAME [libFuzzer's arguments]`.

A process of its own, for libFuzzer ends it; only what the harness's module needs is instrumented.
"""

import importlib
import sys

import atheris


def main() -> None:
    """Plays until libFuzzer ends the process."""
    module, name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=["aivis", "services", "domains", "learning"]):
        found = importlib.import_module(module).HARNESSES
    harness = next(each for each in found if each.name == name)

    def one(data: bytes) -> None:
        try:
            harness.run(data)
        except harness.errors:
            return

    atheris.Setup([name, *arguments], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

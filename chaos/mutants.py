"""Planted bugs: each breaks one promise in a copy of the code, and a row of the matrix has to see it.

`python -m chaos.mutants [NAME ...]`: status 1 when a bug stays unseen, or is not in the code any more.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from rich.console import Console

from chaos.points import ROOT

_COPIED = ("aivis", "services", "chaos")
_SECONDS = 600
console = Console(width=None if sys.stdout.isatty() else 130)


@dataclass(frozen=True)
class Mutant:
    """A bug, where it is planted, and what sees it."""

    name: str
    path: str
    code: str
    bug: str
    row: str
    seen: str
    """What the row says of it."""


MUTANTS = (
    Mutant(
        "record-after-the-effect",
        "services/executor/intending.py",
        "            await turn.commit(step)",
        "            str(step)",
        row="crash-pairs",
        seen="mended 2 times",
    ),
    Mutant(
        "drop-the-key",
        "services/executor/providers/grpc.py",
        "tool=call.tool, arguments=call.arguments, key=call.key,",
        "tool=call.tool, arguments=call.arguments, key=str(id(call)),",
        row="crash-pairs",
        seen="mended 2 times",
    ),
    Mutant(
        "forget-the-past",
        "aivis/recalling.py",
        "        restoration = await self._mailbox.store.restoration()\n",
        "        restoration = None\n",
        row="restored",
        seen="lost",
    ),
    Mutant(
        "offsets-before-the-insert",
        "aivis/bus.py",
        '            with around("bus.read"):',
        '            await message.consumer.commit()\n            with around("bus.read"):',
        row="kill-points",
        seen="lost",
    ),
    Mutant(
        "skip-the-tenant-filter",
        "aivis/mailbox/stores/sqlite/store.py",
        " where (:tenant is null or tenant = :tenant) and (",
        " where (",
        row="drains",
        seen="crossed",
    ),
    Mutant(
        "remove-the-fence",
        "aivis/mailbox/stores/sqlite/committing.py",
        "    verdict = _barred(connection, write, now) if",
        '    at = "select epoch, version from keys where tenant = ? and name = ?"\n'
        "    epoch, version = connection.execute(at, write.key).fetchone()\n"
        "    write = write._replace(epoch=epoch, version=version)\n"
        "    verdict = _barred(connection, write, now) if",
        row="zombies",
        seen="twice",
    ),
    Mutant(
        "ignore-the-digest",
        "services/executor/ledger.py",
        "        if digest != self.digest:",
        "        if not digest:",
        row="approvals",
        seen="without an approval of its own",
    ),
)


def main(names: Sequence[str]) -> int:
    """Plant and play each; the exit status."""
    unseen = [mutant.name for mutant in MUTANTS if (not names or mutant.name in names) and not _caught(mutant)]
    console.print(f"[bold red]unseen: {', '.join(unseen)}[/]" if unseen else "[green]every planted bug was seen[/]")
    return 1 if unseen else 0


def _caught(mutant: Mutant) -> bool:
    console.print(f"[bold]{mutant.name}[/] in {mutant.path}, to be seen by {mutant.row}", highlight=False)
    with tempfile.TemporaryDirectory(prefix="aivis-mutant-") as folder:
        _plant(mutant, Path(folder))
        argv = [sys.executable, "-m", "chaos", "--only", mutant.row, "--on", "embedded", "--json"]
        environment = {**os.environ, "PYTHONPATH": folder}
        played = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, timeout=_SECONDS, check=False)
    if not played.stdout:
        console.print(f"  the row broke off:\n{played.stderr.decode()[-2000:]}", markup=False, highlight=False)
        return False
    [row] = orjson.loads(played.stdout)["rows"]
    told = [trouble for trouble in row["troubles"] if mutant.seen in trouble]
    console.print(f"  {told[0] if told else 'not seen: ' + str(row['troubles'][:3])}", markup=False, highlight=False)
    return bool(told)


def _plant(mutant: Mutant, folder: Path) -> None:
    for part in _COPIED:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / mutant.path
    code = path.read_text(encoding="utf-8")
    if code.count(mutant.code) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.path} has no place for it any more: mend chaos/mutants.py")
    path.write_text(code.replace(mutant.code, mutant.bug), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

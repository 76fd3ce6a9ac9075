"""The matrix as a table in the terminal, and as JSON."""

from collections.abc import Sequence

from rich.table import Table

from chaos.judge import summary
from chaos.rows.row import Result

_BEGIN, _END = "<!-- matrix -->", "<!-- end of matrix -->"
_COLUMNS = ("faults landed", "tickets", "lost", "twice", "out of order", "crossed", "wrong", "converged")


def _cells(result: Result) -> tuple[str, ...]:
    seen = result.outcome.verdict
    faults = (seen.lost, seen.twice, seen.disorder, seen.crossed, seen.wrong)
    counts = (len(result.outcome.landed.faults), seen.tickets, *map(len, faults))
    return (*map(str, counts), f"{seen.seconds:.1f} s")


def table(results: Sequence[Result]) -> Table:
    """A line a row: what landed, what must be nought, whether it passed."""
    drawn = Table(title="Fault matrix", title_justify="left", header_style="bold")
    drawn.add_column("row")
    drawn.add_column("on")
    for column in _COLUMNS:
        drawn.add_column(column, justify="right")
    drawn.add_column("")
    for result in results:
        verdict = "[green]pass[/]" if result.outcome.passed else "[bold red]FAIL[/]"
        drawn.add_row(result.row.name, result.on, *_cells(result), verdict)
    return drawn


def page(results: Sequence[Result], text: str, *, seed: int, machine: str) -> str:
    """`text` with the figures of `results` between its marks."""
    head = ("row", "on", *_COLUMNS, "row's seconds", "")
    rows = [(each.row.name, each.on, *_cells(each), f"{each.seconds:.0f}", _passed(each)) for each in results]
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows)]
    played = f"Played with seed {seed} on {machine}:"
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return "\n".join([before + _BEGIN, played, "", *lines, _END]) + after


def _passed(result: Result) -> str:
    return "pass" if result.outcome.passed else "FAIL"


def troubles(result: Result) -> list[str]:
    """Why a row did not pass, in words."""
    found = [f"did not land: {each}" for each in result.outcome.landed.missing]
    if not result.outcome.landed.faults:
        found.append("no fault landed")
    if not result.outcome.running:
        found.append("the load had ended before the faults")
    return [*found, *result.outcome.verdict.faults]


def document(results: Sequence[Result], *, seed: int) -> dict[str, object]:
    """The same for programs."""
    rows = [
        {
            "row": result.row.name,
            "says": result.row.says,
            "stack": result.on,
            "faults_landed": len(result.outcome.landed.faults),
            **summary(result.outcome.verdict),
            "seconds": round(result.seconds, 1),
            "passed": result.outcome.passed,
            "troubles": troubles(result),
        }
        for result in results
    ]
    return {"seed": seed, "passed": all(result.outcome.passed for result in results), "rows": rows}

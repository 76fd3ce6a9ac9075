"""The command line. One file a group of commands."""

import typer

from aivis.cli import (
    backup,
    cases,
    chaos,
    dead,
    demo,
    doctor,
    evaluate,
    experts,
    knowledge,
    operators,
    restore,
    tickets,
    up,
)

app = typer.Typer(
    help="Aivis: a digital employee for technical support.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(tickets.submit)
app.command()(tickets.message)
app.command()(cases.cases)
app.command()(cases.case)
app.command()(cases.watch)
app.command(rich_help_panel="Experts")(experts.escalations)
app.command(rich_help_panel="Experts")(experts.guide)
app.command(rich_help_panel="Experts")(experts.answer)
app.command(rich_help_panel="Experts")(experts.take)
app.command("hand-back", rich_help_panel="Experts")(experts.hand_back)
app.command(rich_help_panel="Experts")(experts.approve)
app.command(rich_help_panel="Experts")(experts.deny)
app.command(rich_help_panel="Experts")(experts.settle)
app.command(rich_help_panel="Experts")(experts.figures)
app.command(rich_help_panel="Operators")(doctor.doctor)
app.command(rich_help_panel="Operators")(knowledge.ingest)
app.command(rich_help_panel="Operators")(knowledge.search)
app.command(rich_help_panel="Operators")(backup.backup)
app.command(rich_help_panel="Operators")(restore.restore)
app.command(rich_help_panel="Operators", context_settings=chaos.AS_THEY_ARE)(chaos.chaos)
app.add_typer(evaluate.evaluations, name="eval", rich_help_panel="Operators")
app.add_typer(dead.dead, name="dead", rich_help_panel="Operators")
app.add_typer(operators.stop, name="stop", rich_help_panel="Operators")


def main() -> None:
    app()

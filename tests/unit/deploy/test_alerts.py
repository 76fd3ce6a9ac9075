"""The alerts speak of figures that there are, and of commands that there are."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from aivis.cli.main import app
from aivis.mailbox import metrics as mailbox
from services.executor import metrics as executor
from services.gateway import metrics as gateway
from services.reasoner import metrics as reasoner

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "alerts.yaml"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_figures_that_are_kept_and_names_a_command_that_works(
    alert: dict[str, dict[str, str]],
) -> None:
    assert all((mailbox.LETTERS, executor.CROWDED, gateway.SHED, reasoner.LOST_TOKENS))
    kept = {metric.name for metric in REGISTRY.collect()}
    asked = {name.removesuffix("_total") for name in re.findall(r"aivis_\w+", str(alert["expr"]))}
    assert asked
    assert asked <= kept
    [command] = re.findall(r"aivis ((?:dead )?\w+)(.*)$", " ".join(alert["annotations"]["summary"].split()))
    options = re.findall(r"--[\w-]+", command[1])
    shown = CliRunner().invoke(app, [*command[0].split(), "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert all(option in shown.output for option in options)

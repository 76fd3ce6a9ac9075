"""The alerts as Prometheus itself evaluates them."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yaml"
PROMTOOL = shutil.which("promtool")
LETTERS = 'aivis_mailbox_dead_letters{service="reasoner", kind="%s"}'


def fired(folder: Path, name: str, series: dict[str, str], minutes: int) -> bool:
    """Whether the alert fires for the reasoner after so many minutes of `series`, a value a minute."""
    assert PROMTOOL is not None
    case = {
        "interval": "1m",
        "input_series": [{"series": series_name, "values": values} for series_name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": name, "exp_alerts": []}],
    }
    test = folder / "test.yaml"
    test.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [case]}), encoding="utf-8")
    told = subprocess.run([PROMTOOL, "test", "rules", str(test)], capture_output=True, text=True, check=False)
    said = told.stdout + told.stderr
    assert told.returncode == 0 or 'service="reasoner"' in said, said
    return told.returncode != 0


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: Debian has it in the package prometheus")
@pytest.mark.parametrize(
    ("name", "series", "quiet"),
    [
        ("AivisNobodyTold", {'aivis_mailbox_untold_total{service="reasoner"}': "0x3 1x10"}, "0x13"),
        ("AivisMessagesQuarantined", {LETTERS % "quarantined": "0x3 1x10"}, "0x13"),
        ("AivisMessagesBuried", {LETTERS % "buried": "0x3 2x10"}, "0x13"),
        ("AivisTurnsAway", {'aivis_gateway_shed_total{service="reasoner",source="s",reason="r"}': "0+60x13"}, "5x13"),
        ("AivisToolCrowded", {'aivis_executor_crowded_total{service="reasoner",tool="t"}': "0+60x13"}, "5x13"),
        ("AivisAnswersLost", {'aivis_reasoner_lost_tokens_total{service="reasoner"}': "0x3 200000x10"}, "0x13"),
        ("AivisInboxStands", {'aivis_mailbox_inbox_oldest_seconds{service="reasoner"}': "2000x13"}, "1000x13"),
        (
            "AivisOutboxStands",
            {
                'aivis_mailbox_outbox_depth{service="reasoner"}': "3x13",
                'aivis_mailbox_published_total{service="reasoner"}': "7x13",
            },
            "0+1x13",
        ),
    ],
)
def test_an_alert_fires_when_it_should_and_not_otherwise(
    tmp_path: Path, name: str, series: dict[str, str], quiet: str
) -> None:
    assert fired(tmp_path, name, series, 12)
    last = [*series][-1]
    assert not fired(tmp_path, name, {**series, last: quiet}, 12)

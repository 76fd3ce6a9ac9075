"""Prometheus, where it is installed: it scrapes whatever puts a target file into `.servers/prometheus/targets/`."""

import shutil
from pathlib import Path

from deploy.servers.launches import Launch, Ports, Say, Server
from deploy.servers.places import Places
from deploy.servers.ports import LOOPBACK, answers
from deploy.servers.prerequisites import Missing
from deploy.servers.processes import Command

_ALERTS = Path(__file__).parents[1] / "prometheus" / "alerts.yaml"


def _check(places: Places) -> None:
    if shutil.which("prometheus") is None:
        raise Missing("Prometheus is optional. Debian: apt-get install prometheus")


def _fetch(places: Places, say: Say) -> None:
    """Nothing: Prometheus comes from the system's packages."""


def _launch(places: Places, ports: Ports) -> Launch:
    folder = places.of("prometheus")
    (folder / "targets").mkdir(exist_ok=True)
    config = folder / "prometheus.yaml"
    config.write_text(
        "global: {scrape_interval: 5s}\n"
        f"rule_files: ['{_ALERTS}']\n"
        "scrape_configs:\n"
        f"  - {{job_name: aivis, file_sd_configs: [{{files: ['{folder}/targets/*.json'], refresh_interval: 5s}}]}}\n"
    )
    program = str(shutil.which("prometheus"))
    listen = [f"--web.listen-address={LOOPBACK}:{ports[0]}", f"--storage.tsdb.path={folder}/data"]
    return Launch(
        Command([program, f"--config.file={config}", *listen], folder),
        ready=lambda: answers(ports[0]),
        environment={"AIVIS_TEST_PROMETHEUS": f"http://{LOOPBACK}:{ports[0]}"},
    )


PROMETHEUS = Server("prometheus", 1, _check, _fetch, _launch, optional=True)

"""What is generated from the contracts."""

from pathlib import Path

from deploy import generate


def test_every_domain_with_a_tool_server_gets_its_catalogue() -> None:
    assert Path("domains/cloud/tools.json") in generate.tools()

"""What every suite shares."""

from collections.abc import Generator

import pytest

_NAMES_A_SERVER = "AIVIS_TEST_"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--servers-are-up",
        action="store_true",
        help=f"a test skipped for want of a server ({_NAMES_A_SERVER}...) fails: else a broken setup would look green",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.getoption("--servers-are-up") and _NAMES_A_SERVER in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped although the servers are up: {report.longrepr}"
    return report

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = (Path(__file__).parents[2] / "conftest.py").read_text()


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
        import pytest

        def test_needs_a_server():
            pytest.skip("AIVIS_TEST_KAFKA names no broker: make test-real")

        def test_needs_something_else():
            pytest.skip("Linux only")
        """
    )
    return pytester


def test_without_servers_a_test_that_needs_one_is_skipped(suite: pytest.Pytester) -> None:
    suite.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(skipped=2)


def test_where_the_servers_are_up_a_test_that_finds_none_fails(suite: pytest.Pytester) -> None:
    suite.runpytest_inprocess("-p", "no:asyncio", "--servers-are-up").assert_outcomes(skipped=1, failed=1)

from dataclasses import replace

import pytest

from aivis.errors import NotFound, Transient
from aivis.toolkit.declaration import Risk
from services.executor.catalogue import Catalogue
from tests.unit.services.executor.making import DEDUPES, READ, FakeTools


async def test_an_ill_declared_tool_is_refused_and_the_others_go_on() -> None:
    catalogue = Catalogue([FakeTools([replace(READ, name="test.bad", owner=""), READ])])
    await catalogue.refresh()
    assert [offer.tool.name for offer in catalogue.offers] == ["test.read"]
    assert [(problem.tool, "owner is empty" in problem.says) for problem in catalogue.problems] == [("test.bad", True)]
    with pytest.raises(NotFound, match="owner is empty"):
        catalogue.find("test.bad")


async def test_a_tool_that_changes_under_the_same_version_is_reported_and_the_first_declaration_stays() -> None:
    tools = FakeTools([DEDUPES])
    catalogue = Catalogue([tools])
    await catalogue.refresh()
    tools.tools = [replace(DEDUPES, risk=Risk.READ, resource_argument="")]
    await catalogue.refresh()
    assert catalogue.find("test.dedupes").tool.risk is Risk.REVERSIBLE
    [problem] = catalogue.problems
    assert "lies about its version 1: risk, resource_argument changed" in problem.says


async def test_a_tool_that_changes_with_its_version_is_taken_as_it_is_now() -> None:
    tools = FakeTools([DEDUPES])
    catalogue = Catalogue([tools])
    await catalogue.refresh()
    tools.tools = [replace(DEDUPES, risk=Risk.DESTRUCTIVE, version="2")]
    await catalogue.refresh()
    assert catalogue.find("test.dedupes").tool.risk is Risk.DESTRUCTIVE
    assert catalogue.problems == []


async def test_a_server_that_is_down_keeps_its_tools_and_is_named() -> None:
    tools = FakeTools([READ], address="one")
    catalogue = Catalogue([tools, FakeTools([DEDUPES], address="two")])
    await catalogue.refresh()
    tools.down = Transient("gone")
    await catalogue.refresh()
    assert [offer.tool.name for offer in catalogue.offers] == ["test.dedupes", "test.read"]
    assert [(problem.server, problem.says) for problem in catalogue.problems] == [("one", "gone")]
    tools.down = None
    await catalogue.refresh()
    assert catalogue.problems == []


async def test_an_unknown_tool_is_awaited_only_while_a_server_has_never_answered() -> None:
    tools = FakeTools([READ], address="one", down=Transient("not yet"))
    catalogue = Catalogue([tools])
    await catalogue.refresh()
    with pytest.raises(Transient, match="one has not said yet"):
        catalogue.find("test.read")
    tools.down = None
    await catalogue.refresh()
    with pytest.raises(NotFound, match=r"did you mean 'test\.read'"):
        catalogue.find("test.reed")


async def test_of_two_servers_with_one_name_the_first_counts() -> None:
    first, second = FakeTools([READ], address="one"), FakeTools([READ, DEDUPES], address="two")
    catalogue = Catalogue([first, second])
    await catalogue.refresh()
    assert catalogue.find("test.read").provider is first
    assert catalogue.find("test.dedupes").provider is second
    assert [(problem.server, problem.tool) for problem in catalogue.problems] == [("two", "test.read")]


async def test_a_tool_that_is_declared_twice_counts_once_and_is_reported() -> None:
    catalogue = Catalogue([FakeTools([READ, replace(READ, description="Other.")])])
    await catalogue.refresh()
    assert catalogue.find("test.read").tool.declaration.description == "Reads."
    assert "declared twice" in catalogue.problems[0].says


async def test_a_tool_that_is_no_longer_declared_is_gone() -> None:
    tools = FakeTools([READ, DEDUPES])
    catalogue = Catalogue([tools])
    await catalogue.refresh()
    tools.tools = [DEDUPES]
    await catalogue.refresh()
    with pytest.raises(NotFound):
        catalogue.find("test.read")

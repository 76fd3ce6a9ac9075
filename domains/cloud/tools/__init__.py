"""The declared tools: one module per kind of thing, each with the ToolSet `tools`."""

from aivis.toolkit import ToolSet
from domains.cloud.account import Account


def all_tools() -> ToolSet[Account]:
    """Every tool of the cloud domain."""
    from domains.cloud.tools import (
        acls,
        addresses,
        association,
        gateways,
        instances,
        networks,
        paths,
        power,
        routes,
        rules,
        sizes,
        volumes,
    )

    everything = ToolSet[Account]()
    for module in (
        instances,
        networks,
        paths,
        addresses,
        volumes,
        power,
        sizes,
        rules,
        acls,
        routes,
        gateways,
        association,
    ):
        everything.include(module.tools)
    return everything

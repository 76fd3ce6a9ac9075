"""The tool server of the cloud domain: every tool, and each tenant's account."""

from datetime import timedelta

import structlog

from aivis.toolkit import Serving, ToolSet
from domains.cloud.account import Account, Credentials
from domains.cloud.accounts import Accounts, read_tenants
from domains.cloud.settings import CloudSettings
from domains.cloud.tools import (
    acls,
    addresses,
    association,
    gateways,
    holders,
    instances,
    networks,
    paths,
    power,
    routes,
    rules,
    sizes,
    tagging,
    volumes,
)

log = structlog.get_logger()
MODULES = (
    instances, networks, paths, addresses, volumes,
    power, sizes, rules, acls, routes, gateways, association, holders, tagging,
)  # fmt: skip


def all_tools() -> ToolSet[Account]:
    """Every tool of the cloud domain."""
    everything = ToolSet[Account]()
    for module in MODULES:
        everything.include(module.tools)
    return everything


def accounts(settings: CloudSettings) -> Accounts:
    """Each tenant's account; `Invalid` when the file of tenants is wrong."""
    default = Credentials(
        region=settings.region,
        endpoint=settings.endpoint,
        access_key_id=settings.access_key_id,
        secret_access_key=settings.secret_access_key,
    )
    if settings.tenants is None:
        log.warning("all tenants share one cloud account; name a file of tenants with AIVIS_CLOUD_TENANTS")
        return Accounts(default, None)
    return Accounts(default, read_tenants(settings.tenants))


def serving(settings: CloudSettings) -> Serving:
    """How the server is run."""
    return Serving(
        listen=settings.listen,
        journal=settings.journal,
        threads=settings.threads,
        waiting=settings.threads * 4,
        keep=timedelta(days=settings.journal_days),
        log_format=settings.log_format,
        log_level=settings.log_level,
    )

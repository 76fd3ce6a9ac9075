"""Which account a tenant's calls go to. The tenant is the request's, which the executor takes from the ticket."""

import threading
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aivis.errors import Invalid, Refused
from domains.cloud.account import Account, Credentials


class TenantAccount(BaseModel):
    """One tenant's line of the mapping file: a profile of the SDK's configuration, or keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = ""
    access_key_id: str = ""
    secret_access_key: str = Field(default="", repr=False)
    session_token: str = Field(default="", repr=False)
    region: str = ""
    endpoint: str = ""


class Accounts:
    """Opens each tenant's account once.

    With `tenants` a tenant that is not named there is refused; without, all share the default account: for an
    installation of one tenant.
    """

    def __init__(self, default: Credentials, tenants: dict[str, TenantAccount] | None) -> None:
        self._default = default
        self._tenants = tenants
        self._open: dict[str, Account] = {}
        self._lock = threading.Lock()

    def of(self, tenant: str) -> Account:
        """The tenant's account; `Refused` for a tenant that has none."""
        with self._lock:
            if tenant not in self._open:
                self._open[tenant] = Account(self._credentials(tenant))
            return self._open[tenant]

    def _credentials(self, tenant: str) -> Credentials:
        if self._tenants is None:
            return self._default
        line = self._tenants.get(tenant)
        if line is None:
            raise Refused(f"tenant {tenant!r} has no cloud account here; add it to the file AIVIS_CLOUD_TENANTS names")
        return Credentials(
            region=line.region or self._default.region,
            endpoint=line.endpoint or self._default.endpoint,
            profile=line.profile,
            access_key_id=line.access_key_id,
            secret_access_key=line.secret_access_key,
            session_token=line.session_token,
        )


def read_tenants(path: Path) -> dict[str, TenantAccount]:
    """The mapping file, JSON: {"TENANT": {"profile": "..."} or {"access_key_id": "...", "secret_access_key": "..."}}.

    Each tenant needs a profile or keys of its own, so that none falls back to the default account.
    """
    try:
        lines = orjson.loads(path.read_bytes())
        tenants = {name: TenantAccount.model_validate(line) for name, line in lines.items()}
    except (OSError, orjson.JSONDecodeError, AttributeError) as error:
        raise Invalid(f"{path}: not a JSON object of tenants: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    for name, tenant in tenants.items():
        if not tenant.profile and not (tenant.access_key_id and tenant.secret_access_key):
            raise Invalid(f"{path}: tenant {name!r} needs a profile, or access_key_id and secret_access_key")
    return tenants

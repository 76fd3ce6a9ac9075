import json
from pathlib import Path

import psutil
import pytest

from aivis.errors import Invalid, Refused
from domains.cloud.account import Credentials
from domains.cloud.accounts import Accounts, TenantAccount, read_tenants

DEFAULT = Credentials(region="eu-central-1", access_key_id="default", secret_access_key="d")
KEYS = {"access_key_id": "a", "secret_access_key": "b"}


def file(folder: Path, content: object) -> Path:
    path = folder / "tenants.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_each_tenant_has_an_account_of_its_own_opened_once(tmp_path: Path) -> None:
    tenants = read_tenants(file(tmp_path, {"acme": KEYS, "globex": {**KEYS, "region": "us-east-1"}}))
    accounts = Accounts(DEFAULT, tenants)
    assert accounts.of("acme") is accounts.of("acme")
    assert accounts.of("acme") is not accounts.of("globex")
    assert (accounts.of("acme").region, accounts.of("globex").region) == ("eu-central-1", "us-east-1")


def test_a_tenant_without_an_account_is_refused_and_never_gets_the_default_one() -> None:
    accounts = Accounts(DEFAULT, {"acme": TenantAccount(**KEYS)})
    for stranger in ("globex", "", "ACME", "acme "):
        with pytest.raises(Refused, match="AIVIS_CLOUD_TENANTS"):
            accounts.of(stranger)


def test_without_a_file_all_tenants_share_the_default_account() -> None:
    accounts = Accounts(DEFAULT, None)
    assert accounts.of("acme").region == accounts.of("globex").region == "eu-central-1"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ({"acme": {}}, "'acme' needs a profile"),
        ({"acme": {"region": "eu-central-1"}}, "'acme' needs a profile"),
        ({"acme": {"access_key_id": "a"}}, "'acme' needs a profile"),
        ({"acme": {**KEYS, "secret": "x"}}, "secret"),
    ],
)
def test_a_file_that_would_leave_a_tenant_without_its_own_account_is_refused(
    tmp_path: Path, content: object, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        read_tenants(file(tmp_path, content))


def test_many_accounts_share_the_description_of_the_api() -> None:
    accounts = Accounts(DEFAULT, None)
    accounts.of("tenant-0")
    before = psutil.Process().memory_info().rss
    for number in range(1, 9):
        accounts.of(f"tenant-{number}")
    assert psutil.Process().memory_info().rss - before < 8 * 8_000_000, "bytes; 24 MB each when they do not"


def test_a_secret_is_not_shown() -> None:
    assert "hush" not in repr(TenantAccount(access_key_id="a", secret_access_key="hush", session_token="hush"))

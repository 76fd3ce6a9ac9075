"""One small account by hand: a site that is sound, and what may be changed about it."""

from dataclasses import replace

from domains.cloud.lab.account import (
    Account,
    Acl,
    Address,
    Entry,
    Gateway,
    Group,
    Instance,
    Item,
    Network,
    Rule,
    Table,
    Volume,
)
from domains.cloud.lab.api import Endpoint
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.goals import Goal, Reaches
from domains.cloud.lab.staging import StagedTicket
from domains.cloud.lab.world import Plan, Site

ALL = "0.0.0.0/0"
OFFICE = "203.0.113.0/24"
SOURCE = "203.0.113.7/32"

EVERYTHING = Rule("all", 0, 65535, ALL)
HTTPS = Rule("tcp", 443, 443, OFFICE)


def entry(number: int, *, egress: bool, allow: bool, rule: Rule = EVERYTHING) -> Entry:
    return Entry(number, egress=egress, allow=allow, rule=rule)


SOUND_ENTRIES = frozenset(
    {
        entry(50, egress=False, allow=False, rule=Rule("tcp", 23, 23, ALL)),
        entry(100, egress=False, allow=True),
        entry(100, egress=True, allow=True),
        entry(32767, egress=False, allow=False),
        entry(32767, egress=True, allow=False),
    }
)

MACHINE = Instance("i-1", "web", "acme", "vpc-1", "running", "t3.small", "subnet-1", frozenset({"sg-1"}), frozenset())
STANDBY = replace(MACHINE, id="i-2", name="standby", subnet="subnet-2")
GROUP = Group("sg-1", "firewall", "acme", "vpc-1", frozenset({HTTPS}), frozenset({EVERYTHING}))
ACL = Acl("acl-1", "", "", "vpc-1", SOUND_ENTRIES, frozenset({"subnet-1", "subnet-2"}))
LOCAL = ("10.0.0.0/16", "local")
PUBLIC = Table("rtb-1", "", "", "vpc-1", False, frozenset({LOCAL, (ALL, "igw-1")}), frozenset({"subnet-1"}))
PRIVATE = Table("rtb-2", "", "", "vpc-1", True, frozenset({LOCAL}), frozenset())
GATEWAY = Gateway("igw-1", "", "acme", "vpc-1")
NETWORK = Network("vpc-1", "", "acme", "vpc-1", True)
DISK = Volume("vol-1", "web", "acme", "", 20, "i-1")
ADDRESS = Address("eipalloc-1", "web", "acme", "", "127.0.0.9", "i-1")


def account(*changed: Item, without: tuple[str, ...] = ()) -> Account:
    """The sound account, with `changed` in the place of what has the same ids."""
    sound = (MACHINE, STANDBY, GROUP, ACL, PUBLIC, PRIVATE, GATEWAY, NETWORK, DISK, ADDRESS)
    items = {item.id: item for item in (*sound, *changed)}
    return Account({id: item for id, item in items.items() if id not in without})


SITE = Site(
    plan=Plan(customer="acme", name="web"),
    tags={"owner": "acme"},
    vpc="vpc-1",
    subnet="subnet-1",
    acl="acl-1",
    gateway="igw-1",
    table="rtb-1",
    table_association="rtbassoc-1",
    group="sg-1",
    instance="i-1",
    standby="i-2",
    volume="vol-1",
    allocation="eipalloc-1",
    address="127.0.0.9",
)


def staged(
    before: Account, *goals: Goal, expect: Expectation = Expectation.FIXED, also: tuple[Expectation, ...] = ()
) -> StagedTicket:
    """A ticket about the site that came in when the account was as in `before`."""
    return StagedTicket(
        ticket="T-1",
        customer="acme",
        subject="",
        text="it is broken",
        follow_up="",
        expectation=expect,
        also=also,
        kinds=(),
        trouble="",
        sites=(SITE,),
        subjects=1,
        goals=goals or (Reaches(instance="i-1", port=443, peer=SOURCE),),
        endpoint=Endpoint(url="http://127.0.0.1:9"),
        healthy=account(),
        before=before,
    )

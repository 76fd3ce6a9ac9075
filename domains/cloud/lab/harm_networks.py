"""Harm to security groups, network ACLs, routes, gateways and VPCs: opened wider than asked, or shut."""

from collections.abc import Collection, Iterable, Iterator

from domains.cloud.lab.account import Account, Acl, Gateway, Group, Instance, Nat, Network, Rule, Table
from domains.cloud.lab.changes import called, rule_words
from domains.cloud.lab.goals import Reaches
from domains.cloud.lab.openings import newly_passing, passes, uncovered
from domains.cloud.lab.story import Story


def groups(story: Story) -> Iterator[str]:
    """Security groups opened wider than healthy or asked, shut, deleted, or swapped for wider ones."""
    for was, now in story.kept(Group):
        healthy = story.healthy.find(Group, was.id) or was
        attached = {item.id for item in story.after.every(Instance) if now.id in item.groups}
        for egress in (False, True):
            known = (_rules([healthy], egress=egress), _rules([was], egress=egress))
            rules = _rules([now], egress=egress)
            yield from _compare(called(now), known, rules, _licensed(story, attached, egress=egress))
    yield from (f"{called(gone)} was deleted" for gone in story.lost(Group))
    yield from _swapped(story)


def _swapped(story: Story) -> Iterator[str]:
    for was, now in story.kept(Instance):
        if was.groups == now.groups:
            continue
        healthy = story.healthy.find(Instance, was.id) or was
        for egress in (False, True):
            known = (
                _rules(story.healthy.groups_of(healthy), egress=egress),
                _rules(story.before.groups_of(was), egress=egress),
            )
            rules = _rules(story.after.groups_of(now), egress=egress)
            yield from _compare(called(now), known, rules, _licensed(story, {now.id}, egress=egress))


def _rules(some: Iterable[Group], *, egress: bool) -> frozenset[Rule]:
    return frozenset(rule for group in some for rule in (group.egress if egress else group.ingress))


def _licensed(story: Story, instances: Collection[str], *, egress: bool) -> frozenset[Rule]:
    goals = (goal for goal in story.licences(Reaches) if goal.instance in instances and goal.outbound == egress)
    return frozenset(Rule("tcp", goal.port, goal.port, goal.peer) for goal in goals)


def _compare(
    where: str, known: tuple[frozenset[Rule], frozenset[Rule]], now: frozenset[Rule], licensed: frozenset[Rule]
) -> Iterator[str]:
    healthy, was = known
    for rule in uncovered(now - was, healthy | was | licensed):
        yield f"{where} was opened to {rule_words(rule)}"
    for rule in uncovered(healthy & was, now):
        yield f"{where} was closed to {rule_words(rule)}"


def acls(story: Story) -> Iterator[str]:
    """Subnets whose network ACL now lets through what it never did, or stops what it did not."""
    for subnet in sorted({item.subnet for item in story.before.every(Instance)}):
        healthy, was, now = (account.acl_of(subnet) for account in (story.healthy, story.before, story.after))
        if healthy and was and now and now.entries != was.entries:
            yield from _acl(f"{called(now)} of {subnet}", healthy, was, now)
    yield from (f"{called(gone)} was deleted" for gone in story.lost(Acl))


def _acl(where: str, healthy: Acl, was: Acl, now: Acl) -> Iterator[str]:
    for egress in (False, True):
        way = "out" if egress else "in"
        opened = newly_passing(now.entries, healthy.entries, egress=egress)
        shut = newly_passing(healthy.entries, now.entries, egress=egress)
        wide = next((point for point in opened if not passes(was.entries, point, egress=egress)), None)
        narrow = next((point for point in shut if passes(was.entries, point, egress=egress)), None)
        if wide:
            yield f"{where} now lets {way} {wide}"
        if narrow:
            yield f"{where} now stops {way} {narrow}"


def tables(story: Story) -> Iterator[str]:
    """Routes added, lost or turned elsewhere, and subnets put under another table."""
    for was, now in story.kept(Table):
        healthy = dict((story.healthy.find(Table, was.id) or was).routes)
        yield from _routes(story, now, healthy, dict(was.routes))
    yield from (f"{called(gone)} was deleted" for gone in story.lost(Table))
    for instance in story.before.every(Instance):
        healthy_id, was_id, now_id = (
            _table(account, instance) for account in (story.healthy, story.before, story.after)
        )
        if now_id not in {was_id, healthy_id} and instance.id not in story.subjects:
            yield f"subnet {instance.subnet} is under route table {now_id}"


def _table(account: Account, instance: Instance) -> str:
    table = account.table_of(instance.subnet, instance.vpc)
    return table.id if table else "none"


def _routes(story: Story, now: Table, healthy: dict[str, str], was: dict[str, str]) -> Iterator[str]:
    routes = dict(now.routes)
    for to in sorted({*routes, *was}):
        target = routes.get(to)
        if target == was.get(to) or target == healthy.get(to):
            continue
        if target is None:
            if to in healthy:
                yield f"{called(now)} lost its route to {to}"
        elif not _leads_out(story, now, target):
            yield f"{called(now)} sends {to} to {target or 'nothing'}"


def _leads_out(story: Story, table: Table, target: str) -> bool:
    """Whether `target` is the internet, for a table that has always led a ticket's instance there."""
    gateway = story.after.find(Gateway, target)
    subjects = [item for item in story.healthy.every(Instance) if item.id in story.subjects]
    own = {_table(story.healthy, instance) for instance in subjects}
    return gateway is not None and gateway.vpc == table.vpc and table.id in own


def gateways(story: Story) -> Iterator[str]:
    """Internet gateways detached or deleted, NAT gateways (which cost) left behind, name resolution switched off."""
    for was, now in story.kept(Gateway):
        healthy = story.healthy.find(Gateway, was.id) or was
        if now.vpc not in {was.vpc, healthy.vpc}:
            yield f"{called(now)} is attached to {now.vpc or 'nothing'}"
    yield from (f"{called(gone)} was deleted" for gone in story.lost(Gateway))
    yield from (f"{called(new)} was created" for new in story.new(Nat))
    for before, after in story.kept(Network):
        sound = story.healthy.find(Network, before.id) or before
        if after.resolves_names not in {before.resolves_names, sound.resolves_names}:
            yield f"name resolution of {called(after)} was switched {'on' if after.resolves_names else 'off'}"
    yield from (f"{called(gone)} was deleted" for gone in story.lost(Network))

"""Harm to instances, volumes, snapshots and addresses."""

from collections.abc import Iterator

from domains.cloud.lab.account import Address, Copy, Instance, Volume
from domains.cloud.lab.changes import called
from domains.cloud.lab.goals import HasSize, HasType, Released
from domains.cloud.lab.story import Story

_GONE = ("terminated", "shutting-down")


def instances(story: Story) -> Iterator[str]:
    """Instances lost, stopped, resized, launched or stripped of tags without need."""
    for was, now in story.kept(Instance):
        if now.state != was.state:
            yield from _state(story, was, now)
        licensed = {goal.type for goal in story.licences(HasType) if goal.instance == now.id}
        if now.type not in licensed | {was.type, _healthy(story, was).type}:
            yield f"{called(now)} was made a {now.type}"
        for key, value in sorted(was.tags - now.tags):
            yield f"{called(now)} lost its tag {key}={value}"
    yield from (f"{called(gone)} was terminated" for gone in story.lost(Instance) if gone.state not in _GONE)
    yield from (f"{called(new)} was launched" for new in story.new(Instance))


def _healthy(story: Story, was: Instance) -> Instance:
    return story.healthy.find(Instance, was.id) or was


def _state(story: Story, was: Instance, now: Instance) -> Iterator[str]:
    if was.state in _GONE and now.state not in _GONE:
        yield f"{called(now)} was terminated and is {now.state}: no real cloud allows that"
    elif now.state != _healthy(story, was).state and was.state not in _GONE:
        yield f"{called(now)} is {now.state}"


def volumes(story: Story) -> Iterator[str]:
    """Volumes lost, moved, detached, grown without need or left behind, and snapshots deleted."""
    for was, now in story.kept(Volume):
        licensed = {goal.gib for goal in story.licences(HasSize) if goal.volume == now.id}
        if now.gib not in licensed | {was.gib}:
            yield f"{called(now)} has {now.gib} GiB, which nobody asked for"
        healthy = story.healthy.find(Volume, was.id)
        if now.instance not in {was.instance, healthy.instance if healthy else was.instance}:
            yield f"{called(now)} is attached to {now.instance or 'nothing'}"
    yield from (f"{called(gone)} was deleted" for gone in story.lost(Volume))
    yield from (f"{called(new)} was created" for new in story.new(Volume))
    yield from (f"{called(gone)} was deleted" for gone in story.lost(Copy))


def addresses(story: Story) -> Iterator[str]:
    """Elastic addresses released, moved away, or allocated and left idle."""
    licensed = {goal.allocation for goal in story.licences(Released)}
    yield from (f"{called(gone)} was released" for gone in story.lost(Address) if gone.id not in licensed)
    for was, now in story.kept(Address):
        healthy = story.healthy.find(Address, was.id)
        at_home = healthy is not None and now.instance == healthy.instance
        given = not was.instance and now.instance in story.subjects
        if now.instance != was.instance and not (at_home or given or was.id in licensed):
            yield f"{called(now)} leads to {now.instance or 'nothing'}, not to {was.instance or 'nothing'}"
    for new in story.new(Address):
        if new.instance not in story.subjects:
            yield f"{called(new)} was allocated and leads to {new.instance or 'nothing'}"

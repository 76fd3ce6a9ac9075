"""How long the machines are played: shortly and always the same, or deep, from a seed that the run prints."""

from hypothesis import HealthCheck, Phase, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def short(examples: int, steps: int) -> settings:
    """The same examples every time; one that fails is told as it is, for making it smaller takes minutes."""
    return settings(
        max_examples=examples, stateful_step_count=steps, derandomize=True, deadline=None, database=None,
        phases=(Phase.generate,), suppress_health_check=_SLOW,
    )  # fmt: skip


def deep(examples: int, steps: int = 50) -> settings:
    """Others every time; a failure prints what to put into a test."""
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=_SLOW, print_blob=True,
    )  # fmt: skip

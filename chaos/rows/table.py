"""All rows, in the order in which they are played."""

from chaos.rows import (
    approvals,
    brokers,
    crashes,
    databases,
    drains,
    kills,
    lost_answers,
    memory,
    models,
    moods,
    rebalances,
    restored,
    retrieval,
    storms,
    upstream,
    zombies,
)
from chaos.rows.row import Row

ROWS: tuple[Row, ...] = (
    crashes.ROW,
    kills.ROW,
    lost_answers.ROW,
    drains.ROW,
    *brokers.ROWS,
    databases.ROW,
    rebalances.ROW,
    upstream.ROW,
    retrieval.ROW,
    models.ROW,
    memory.ROW,
    moods.ROW,
    restored.ROW,
    zombies.ROW,
    approvals.ROW,
    storms.ROW,
)

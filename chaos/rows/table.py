"""All rows, in the order in which they are played."""

from chaos.rows import brokers, crashes, databases, drains, kills, lost_answers, moods, rebalances, storms, zombies
from chaos.rows.row import Row

ROWS: tuple[Row, ...] = (
    crashes.ROW,
    kills.ROW,
    lost_answers.ROW,
    drains.ROW,
    *brokers.ROWS,
    databases.ROW,
    rebalances.ROW,
    moods.ROW,
    zombies.ROW,
    storms.ROW,
)

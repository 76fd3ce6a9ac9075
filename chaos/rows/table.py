"""All rows, in the order in which they are played."""

from chaos.rows import brokers, crashes, drains, kills, lost_answers, moods, storms, zombies
from chaos.rows.row import Row

ROWS: tuple[Row, ...] = (
    crashes.ROW,
    kills.ROW,
    lost_answers.ROW,
    drains.ROW,
    brokers.SILENT,
    brokers.WIPED,
    moods.ROW,
    zombies.ROW,
    storms.ROW,
)

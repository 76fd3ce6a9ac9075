"""What a migration may do while the previous version works on the same tables: add, and nothing it could trip over.

The rules read SQL as text, and refuse what they cannot read. Of rows they know nothing: whether an `update` leaves the
previous version's sense is for a reviewer to say.
"""

import re

from aivis.migrations.numbered import Migration

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TEXT = re.compile(r"'(?:[^']|'')*'")
_ANYWHERE = {
    r"\bdrop\b": "drops something",
    r"\brename\b": "renames something",
    r"\b(delete\s+from|truncate)\b": "takes rows away",
    r"^do\b": "hides in a do block what it does",
}
_OF_A_TABLE_THERE = {
    r"\b(alter|modify)\s+column\b.*\btype\b": "changes a type",
    r"\bset\s+not\s+null\b": "forbids null where the previous version may write it",
    r"\badd\b(?!.*\bdefault\b).*\bnot\s+null\b": "forbids null in a column that the previous version leaves empty",
    r"\b(unique|check|references|primary\s+key|exclude)\b": "refuses rows that the previous version may write",
    r"\brow\s+level\s+security\b": "hides rows from the previous version",
}
_ON_A_TABLE_THERE = {
    r"^create\s+unique\s+index\b.*?\bon\s+(?:only\s+)?(\w+)": "refuses rows that the previous version may write",
    r"^create\s+policy\b.*?\bon\s+(\w+)": "hides rows from the previous version",
    r"^create\s+(?:constraint\s+)?trigger\b.*?\bon\s+(\w+)": "acts on what the previous version writes",
}


def faults(migration: Migration) -> list[str]:
    """What in `migration` the previous version may trip over; nothing where its header says that all have moved on."""
    if migration.needs:
        return []
    bare = _TEXT.sub("''", _COMMENT.sub(" ", migration.sql)).lower()
    statements = [" ".join(statement.split()) for statement in bare.split(";")]
    return [f"{migration.file}: {fault}: {said}" for said in statements for fault in _faults(said, migration.creates)]


def _faults(statement: str, created: frozenset[str]) -> list[str]:
    found = [fault for form, fault in _ANYWHERE.items() if re.search(form, statement)]
    altered = re.match(r"alter table (?:if exists )?(?:only )?(\w+)", statement)
    if altered and altered[1] not in created:
        found += [fault for form, fault in _OF_A_TABLE_THERE.items() if re.search(form, statement)]
    for form, fault in _ON_A_TABLE_THERE.items():
        there = re.search(form, statement)
        if there and there[1] not in created:
            found.append(fault)
    return found

"""Every planted bug has its place in the code, and a row that is to see it."""

import pytest

from chaos.mutants import MUTANTS, Mutant
from chaos.points import ROOT
from chaos.rows.table import ROWS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_has_one_place_and_a_row(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text(encoding="utf-8").count(mutant.code) == 1
    assert mutant.row in {row.name for row in ROWS}

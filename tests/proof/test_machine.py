"""The stateful model, and the mistakes that it has to notice, in short; ``make soak`` runs both at length."""

from __future__ import annotations

import pytest

from tests.proof import histories
from tests.proof.conftest import Proven
from tests.proof.leads import LEADS, Lead
from tests.proof.mistake import Edit, Mutant
from tests.proof.mutants import MUTANTS


def test_every_row_is_counted_once_in_every_history(proven: Proven) -> None:
    figures = histories.run(examples=30, seed_number=1)
    proven(figures)
    assert figures.rows > 1_000 and figures.kills > 10 and figures.faults > 50


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_model_notices_a_poller_that(mutant: Mutant, proven: Proven) -> None:
    figures = histories.mutants(examples=200, seed_number=1, chosen=[mutant])
    proven(figures)
    assert figures.mutants == 1


@pytest.mark.parametrize("lead", LEADS.values(), ids=LEADS)
def test_every_row_is_counted_once_in_the_histories_that_show_a_rare_mistake(lead: Lead, proven: Proven) -> None:
    figures = histories.follow(lead, examples=5, seed_number=1)
    proven(figures)
    assert figures.rows > 20


def test_a_mutant_that_no_longer_fits_the_source_is_an_error() -> None:
    stale = Mutant("stale", (Edit(histories, "mutants", "no such line", ""),))
    with pytest.raises(ValueError, match="'no such line' 0 times, not once"), stale.built_in():
        pass

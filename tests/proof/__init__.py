"""The proof that every completion is counted exactly once: what is claimed in docs/correctness.md, run.

Every part is a module with a function that runs it at a given size and returns :class:`~tests.proof.figures.Figures`.
Tests run the parts small; ``make soak`` runs them large and adds the figures up in one table.
"""

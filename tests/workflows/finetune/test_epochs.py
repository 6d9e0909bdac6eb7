"""The epochs whose weights become results."""

from __future__ import annotations

from aqa.workflows.finetune.epochs import chosen_epochs


def test_the_epochs_that_results_are_made_of() -> None:
    rows = [
        {"epoch": 0, "val_loss": 0.1, "test_loss": 0.1},
        {"epoch": 1, "val_loss": 3.0, "test_loss": 0.5},
        {"epoch": 2, "val_loss": 2.0, "test_loss": 0.6},
        {"epoch": 3, "val_loss": 2.5, "test_loss": 0.7},
    ]
    assert chosen_epochs(rows) == {"chosen": 2, "last": 3, "best-on-test": 1}
    rows = [{k: v for k, v in row.items() if k != "test_loss"} for row in rows]
    assert chosen_epochs(rows) == {"chosen": 2, "last": 3}
    assert chosen_epochs(rows[:1]) == {}

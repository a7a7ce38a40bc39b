"""The judge can tell the faults apart."""

from angarium.testing.ledger import Account, Ledger


def test_each_fault_is_counted_as_what_it_is() -> None:
    ledger = Ledger()
    ledger.accept(["fine", "twice", "never received", "stuck", "unknown", "sent, not recorded"], attempted=8)
    statuses = {
        "fine": "sent",
        "twice": "delivered",
        "never received": "sent",
        "stuck": "sending",
        "unknown": "unknown",
        "sent, not recorded": "pending",
        "no 202": "sent",
    }
    received = {"fine": 1, "twice": 3, "sent, not recorded": 1, "no 202": 1, "another test's": 1}
    assert ledger.account(statuses, received) == Account(
        attempted=8, accepted=6, lost=3, duplicated=2, unexpected=1, ambiguous=1
    )


def test_all_well() -> None:
    ledger = Ledger()
    ledger.accept(["a", "b"])
    assert ledger.account({"a": "sent", "b": "sent"}, {"a": 1, "b": 1}) == Account(2, 2, 0, 0, 0, 0)

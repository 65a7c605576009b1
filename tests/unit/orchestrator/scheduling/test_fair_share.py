from __future__ import annotations

from orchestrator.scheduling.fair_share import FairShare


def test_who_has_least_for_their_weight_comes_first() -> None:
    users = FairShare()
    users.weigh({"ada": 2.0})
    for _ in range(3):
        users.start("ada", 0.5)
    users.start("bob", 1.0)
    assert (users.rank("ada"), users.rank("bob"), users.rank("new")) == (0.75, 1.0, 0.0)
    users.end("bob", 1.0)
    assert users.rank("bob") == users.rank("new")


def test_equal_shares_stay_equal_whatever_came_and_went() -> None:
    users = FairShare()
    for _ in range(1000):
        users.start("ada", 0.1)
    for _ in range(997):
        users.end("ada", 0.1)
    for _ in range(3):
        users.start("bob", 0.1)
    assert users.rank("ada") == users.rank("bob")

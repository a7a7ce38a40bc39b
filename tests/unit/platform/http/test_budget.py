"""Large bodies share a budget."""

import pytest

from angarium.contracts.errors import ServiceUnavailable
from angarium.platform.http.budget import BodyBudget


def test_a_body_counts_as_it_grows_and_is_given_back() -> None:
    budget = BodyBudget(100)
    for _ in range(3):
        with budget.share("a") as share:
            share.grow(30)
            share.grow(50)
            with pytest.raises(ServiceUnavailable) as refused:
                share.grow(51)
            assert refused.value.retry_after


def test_one_tenant_takes_half_at_most() -> None:
    budget = BodyBudget(100)
    with budget.share("a") as first, budget.share("a") as second, budget.share("b") as other:
        first.grow(40)
        second.grow(10)
        with pytest.raises(ServiceUnavailable):
            second.grow(11)
        other.grow(50)
        with budget.share("c") as late, pytest.raises(ServiceUnavailable):
            late.grow(1)
    with budget.share("c") as later:
        later.grow(50)


def test_a_failure_gives_back_too() -> None:
    budget = BodyBudget(100)

    def fail() -> None:
        with budget.share("a") as share:
            share.grow(50)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with budget.share("a") as again:
        again.grow(50)

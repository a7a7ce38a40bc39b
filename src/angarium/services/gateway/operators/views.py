"""API views of operators."""

from typing import Any

from angarium.contracts.operators import OperatorCreated, OperatorView
from angarium.services.gateway.operators.store import Operator
from angarium.services.gateway.operators.use_cases import FreshOperator


def operator_view(operator: Operator) -> OperatorView:
    """An account without its password."""
    return OperatorView(**_fields(operator))


def operator_created(fresh: FreshOperator) -> OperatorCreated:
    """A new account with its generated password, if any."""
    return OperatorCreated(**_fields(fresh.operator), password=fresh.password)


def _fields(operator: Operator) -> dict[str, Any]:
    return {name: getattr(operator, name) for name in OperatorView.model_fields}

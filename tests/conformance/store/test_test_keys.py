"""What was made with a test key stays marked, from the acceptance to the worker."""

from tests.conformance.store.backends import TENANT, Backend


async def test_the_mark_reaches_the_worker_and_the_reader(backend: Backend) -> None:
    marked, plain = await backend.accepted(test=True), await backend.accepted()
    claims = {claim.id: claim.test for claim in await backend.claim(marked, plain)}
    assert claims == {marked: True, plain: False}
    view = await backend.reader.get(TENANT, marked)
    assert view is not None
    assert view.test

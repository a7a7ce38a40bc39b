"""The pages of users, keys, tenants, operators, the audit log and the settings."""

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.browser.operating import HOSTILE, LOOKS, Board, clean, operating, session_of, watched

pytestmark = pytest.mark.browser

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0LXNlY3JldC1vZi10aGU="


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    settings = {"CALLBACK_SECRET": SECRET, "SMS_PROVIDERS": "twilio://AC1:token-of-the-test@+15005550006?name=texts"}
    with operating(tmp_path_factory.mktemp("administration"), settings) as board:
        yield board


@pytest.fixture(scope="module")
def session(browser: Browser, board: Board) -> StorageState:
    return session_of(browser, board.url)


@pytest.fixture(params=LOOKS, ids=["light-wide", "dark-narrow"])
def desk(request: pytest.FixtureRequest, browser: Browser, board: Board, session: StorageState) -> Iterator[Page]:
    with watched(browser, board.url, session, request.param) as page:
        yield page


def person(board: Board) -> str:
    """The id of a new user with a device and an opt-out."""
    user = {"name": HOSTILE, "email": f"{secrets.token_hex(4)}@example.com", "push_token": secrets.token_hex(16)}
    user_id = str(board.post("/api/v1/users", user)["user_id"])
    change = {"categories": {"marketing": {"email": False}}}
    assert board.client.patch(f"/api/v1/users/{user_id}/preferences", json=change).is_success
    return user_id


def test_preferences_are_saved_unless_the_user_has_changed_meanwhile(desk: Page, board: Board) -> None:
    user_id = person(board)
    desk.goto(f"/dashboard/users/{user_id}")
    clean(desk)
    desk.get_by_label("marketing by email").check()
    desk.get_by_label("all messages by sms").uncheck()
    desk.get_by_label("Another category").fill("alerts")
    desk.get_by_label("the other category by push").uncheck()
    desk.get_by_label("Quiet from").fill("22:00")
    desk.get_by_label("to", exact=True).fill("07:00")
    desk.get_by_role("button", name="Save the preferences").click()
    expect(desk.get_by_role("status").first).to_contain_text("Saved")
    wanted = board.get(f"/api/v1/users/{user_id}/preferences")
    assert (wanted["email"], wanted["sms"]) == (True, False)
    assert wanted["categories"]["marketing"]["email"] is True
    assert wanted["categories"]["alerts"] == {"email": True, "push": False, "sms": True, "webhook": True}
    assert wanted["quiet_hours"] == {"start": "22:00", "end": "07:00"}
    assert board.client.patch(f"/api/v1/users/{user_id}/preferences", json={"email": False}).is_success
    desk.get_by_label("all messages by sms").check()
    desk.get_by_role("button", name="Save the preferences").click()
    expect(desk.get_by_role("alert")).to_contain_text("has changed since you opened the page")
    assert board.get(f"/api/v1/users/{user_id}/preferences")["email"] is False
    clean(desk)
    assert board.audited()[0] == "preferences.changed"


def test_a_device_is_removed_and_a_user_is_erased_after_confirmation(desk: Page, board: Board) -> None:
    user_id = person(board)
    desk.goto(f"/dashboard/users/{user_id}")
    desk.get_by_role("button", name="Remove the unnamed device").click()
    expect(desk.get_by_role("status").first).to_contain_text("Removed")
    assert board.get(f"/api/v1/users/{user_id}/devices") == []
    desk.get_by_text("Erase", exact=True).click()
    clean(desk)
    desk.get_by_label("to confirm").fill("no")
    desk.get_by_role("button", name="Erase user").click()
    expect(desk.get_by_role("alert")).to_contain_text("cannot be undone")
    desk.get_by_text("Erase", exact=True).click()
    desk.get_by_label("to confirm").fill("erase")
    desk.get_by_role("button", name="Erase user").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Users")
    assert board.client.get(f"/api/v1/users/{user_id}").status_code == 404
    assert board.audited()[:2] == ["user.deleted", "device.removed"]


def test_a_key_is_created_rotated_and_revoked(desk: Page, board: Board) -> None:
    name = f"shop-{secrets.token_hex(4)}"
    desk.goto("/dashboard/keys")
    desk.get_by_text("Create a key").click()
    desk.get_by_label("Name of the calling service").fill(name)
    desk.get_by_label("notifications:read").check()
    clean(desk)
    desk.get_by_role("button", name="Create key").click()
    first = desk.locator(".secret").inner_text()
    clean(desk)
    assert works(board, first)
    desk.get_by_role("link", name="I have copied it").click()
    expect(desk.get_by_text(first)).to_have_count(0)
    desk.get_by_label(f"Change {name}").click()
    clean(desk)
    desk.get_by_role("button", name=f"Rotate {name}").click()
    second = desk.locator(".secret").inner_text()
    assert (works(board, first), works(board, second)) == (False, True)
    desk.goto("/dashboard/keys")
    desk.get_by_label(f"Change {name}").click()
    desk.get_by_role("button", name=f"Revoke {name}").click()
    expect(desk.get_by_role("status").first).to_contain_text("Revoked")
    assert not works(board, second)
    assert board.audited()[:3] == ["key.revoked", "key.rotated", "key.created"]


def works(board: Board, key: str) -> bool:
    """Whether a key is accepted."""
    return board.client.get("/api/v1/notifications", headers={"x-api-key": key}).status_code == 200


def test_a_tenant_and_an_operator_are_created(desk: Page, board: Board) -> None:
    name = f"acme-{secrets.token_hex(4)}"
    desk.goto("/dashboard/tenants")
    desk.get_by_text("Create a tenant").click()
    desk.get_by_label("Id").fill(name)
    clean(desk)
    desk.get_by_role("button", name="Create tenant").click()
    assert works(board, desk.locator(".secret").inner_text())
    desk.goto("/dashboard/operators")
    desk.get_by_text("Create an account").click()
    desk.get_by_label("Name").fill(name)
    clean(desk)
    desk.get_by_role("button", name="Create account").click()
    expect(desk.locator(".secret")).to_be_visible()
    clean(desk)
    desk.goto("/dashboard/operators")
    desk.get_by_label(f"Revoke {name}").click()
    desk.get_by_role("button", name="Revoke the account").click()
    expect(desk.get_by_role("status").first).to_contain_text("sessions have ended")
    assert board.audited()[:3] == ["operator.revoked", "operator.created", "tenant.created"]


def test_the_audit_log_is_filtered_and_the_settings_show_no_secret(desk: Page, board: Board) -> None:
    desk.goto("/dashboard/audit")
    desk.get_by_label("Action").fill("operator.created")
    desk.get_by_label("From (UTC)").fill("2020-01-01T00:00")
    desk.get_by_role("button", name="Filter").click()
    rows = desk.locator("tbody tr")
    expect(rows.first).to_be_visible()
    assert set(rows.locator("td:nth-child(3)").all_inner_texts()) == {"operator.created"}
    clean(desk)
    desk.goto("/dashboard/settings")
    clean(desk)
    text = desk.locator("main").inner_text()
    for secret in (SECRET, "token-of-the-test", board.client.headers["x-api-key"]):
        assert secret not in desk.content()
    assert "ANGARIUM_CALLBACK_SECRET" in text
    assert "twilio://+15005550006 (texts)" in text

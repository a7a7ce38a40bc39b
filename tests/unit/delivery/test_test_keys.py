"""Nothing of what was made with a test key leaves."""

from pathlib import Path

from tests.support.delivering import delivering


async def test_it_goes_to_the_sandbox_whatever_is_configured(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [marked] = await bench.accept(test=True)
        await bench.ends_as(marked, "sent")
        [plain] = await bench.accept()
        await bench.ends_as(plain, "sent")
        assert [outbound.notification_id for outbound in bench.provider.received] == [plain]
        view = await bench.reader.get("default", marked)
        assert view is not None
        assert view.provider == "sandbox"


async def test_magic_recipients_fail_on_demand_without_delaying_others(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        await bench.accept(test=True, recipient='{"email": "misconfigured@example.com"}')
        [bounced] = await bench.accept(test=True, recipient='{"email": "bounce@example.com"}')
        [sent] = await bench.accept(test=True)
        await bench.ends_as(bounced, "failed")
        await bench.ends_as(sent, "sent")
        assert bench.provider.received == []

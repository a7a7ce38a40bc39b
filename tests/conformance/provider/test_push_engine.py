"""One push through the engine to a user's devices of every platform, by real providers over scripted APIs."""

from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID, uuid4

from angarium.contracts.statuses import Channel
from angarium.contracts.users import ContactDevice
from angarium.testing.http_api import Reply, scripted_api
from tests.support.delivering import delivering
from tests.support.phone_apis import BROWSER_ENDPOINT, DEVICES, HANDLERS, Browser, configured, keys, url_of

KINDS = ["fcm", "onesignal", "webpush", "apns"]


async def test_a_push_reaches_a_users_devices_of_every_platform(tmp_path: Path) -> None:
    browser = Browser(BROWSER_ENDPOINT)
    tokens = [*DEVICES.items(), ("webpush", browser.subscription())]
    devices = [
        ContactDevice(device_id=UUID(int=number), platform=platform, token=token)  # type: ignore[arg-type]  # platforms
        for number, (platform, token) in enumerate(tokens, 1)
    ]
    async with AsyncExitStack() as stack:
        apis = {kind: await stack.enter_async_context(scripted_api(HANDLERS[kind])) for kind in KINDS}
        keys().write(tmp_path, apis["fcm"].origin)
        urls = [url_of(kind, tmp_path, api.origin) for kind, api in apis.items()]
        providers = await stack.enter_async_context(configured(Channel.PUSH, *urls))
        bench = await stack.enter_async_context(
            delivering(tmp_path, channel=Channel.PUSH, first=providers[0], others=providers[1:])
        )
        user_id = uuid4()
        bench.directory.add_user(user_id, devices=devices)
        apis["apns"].replies = [Reply(status=410, body={"reason": "Unregistered"})]
        [push] = await bench.accept(recipient=None, user_id=str(user_id))
        await bench.ends_as(push, "sent")
        events = await bench.reader.events("default", push)
        assert events is not None
        outcomes = {event["provider"]: event["outcome"] for event in events if event["event"] == "attempt"}
        assert outcomes == {"fcm": "sent", "onesignal": "sent", "webpush": "sent", "apns": "suppress"}
        assert browser.read(apis["webpush"].calls[0].body)["body"] == "Ann"

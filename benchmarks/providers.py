"""Compares the sends per second of one worker process with Twilio and FCM to those of a simple httpx2 loop.

Both providers are a local process that accepts everything immediately (`benchmarks.api_sink`). The worker does all of
its work: claims, users' addresses and preferences, rendering, the record. The simple loop only posts a prepared body.
Both use the worker's default number of concurrent sends. Rounds alternate, and medians are stored.

    .venv/bin/python -m benchmarks.providers [--repeats 5] [--count 10000]
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import httpx2
import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from angarium.delivery.settings import WorkerSettings
from benchmarks.angarium import Distributed
from benchmarks.api_sink import ACCOUNT, FCM_PATH, PROJECT, TOKEN_PATH, TWILIO_PATH
from benchmarks.body import CHOICE, NUMBER, STAMP
from benchmarks.document import keep_section
from benchmarks.measures import NotDelivered
from benchmarks.resident import ApiSink, Load
from benchmarks.servers import Servers, private_servers
from benchmarks.statistics import Spread, shown

BULK = 1000
_LOOP_PART = 5
"""The simple loop posts a fifth of the number, because it is much slower."""
_FROM = "+15005550006"
_TEXT = "Hello Ada Lovelace, your order 0000000001 is on its way. {stamp}"
_FORM = {"content-type": "application/x-www-form-urlencoded", "authorization": "Basic QUM6dG9rZW4=", "accept": "*/*"}
_JSON = {"content-type": "application/json; charset=utf-8", "authorization": "Bearer ya29." + "x" * 180}
_TITLES = {"sms": "Twilio", "push": "FCM"}


class Phones(Distributed):
    """A system with SMS and push workers. Every user has a number and a device."""

    template: Mapping[str, str] = {
        "code": "bench",
        "channel": "sms",
        "text": "Hello {{ name }}, your order {{ number }} is on its way. {{ stamp }}",
        "title": "Your order is on its way",
        "body": "Hello {{ name }}, your order {{ number }} is on its way. {{ stamp }}",
    }

    def __init__(self, folder: Path, *, sink: ApiSink, servers: Servers) -> None:
        origin = f"http://127.0.0.1:{sink.port}"
        account = folder.parent / "account.json"
        account.write_text(_service_account(origin))
        settings = {
            "SMS_PROVIDERS": f"twilio://{ACCOUNT}:token@{_FROM}?base_url={origin}",
            "PUSH_PROVIDERS": f"fcm://{account}?base_url={origin}",
        }
        super().__init__(folder, sink_port=sink.port, servers=servers, settings=settings)

    @property
    def commands(self) -> Mapping[str, Sequence[str]]:
        services = {name: ("serve", name) for name in ("gateway", "users", "templates")}
        return {**services, **{channel: ("work", channel) for channel in _TITLES}}

    @property
    def item(self) -> str:
        return (
            f'{{"notification_type":"{self.channel}","user_id":"{CHOICE}","template_code":"bench",'
            f'"request_id":"order-{NUMBER}",'
            f'"variables":{{"name":"Ada Lovelace","number":"{NUMBER}","stamp":"{STAMP}"}}}}'
        )

    channel = "sms"
    """The channel of the next sends."""

    def person(self, number: int) -> Mapping[str, str]:
        return {**super().person(number), "phone": f"+14152{number:06d}", "push_token": f"token-{number}:APA91b"}

    def _workers(self) -> Sequence[str]:
        return tuple(_TITLES)


def _service_account(origin: str) -> str:
    key = rsa.generate_private_key(65537, 2048)
    return json.dumps(
        {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "key-1",
            "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "client_email": f"push@{PROJECT}.iam.gserviceaccount.com",
            "token_uri": f"{origin}{TOKEN_PATH}",
        }
    )


def by_worker(system: Phones, load: Load, sink: ApiSink, count: int) -> tuple[float, float]:
    """Sends per second of one worker with `count` messages in its queue, and its CPU time per send in µs."""
    sink.reset()
    system.pause_worker()
    load.run(system.job(connections=2, count=count // BULK, bulk=BULK))
    before = system.cpu()[system.channel]
    system.resume_worker()
    report = sink.wait(count)
    rate = _rate(report, count)
    return rate, (system.cpu()[system.channel] - before) / count * 1e6


def _rate(report: Mapping[str, Any], count: int) -> float:
    if (report["different"], report["mails"]) != (count, count):
        raise NotDelivered(f"{count} accepted, at the sink {dict(report)}")
    return float((count - 1) * 1e9 / (report["last_ns"] - report["first_ns"]))


async def by_loop(channel: str, sink: ApiSink, count: int, at_once: int) -> tuple[float, float]:
    """The same for a simple loop."""
    sink.reset()
    numbers = itertools.count()
    limits = httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    origin = f"http://127.0.0.1:{sink.port}"
    async with httpx2.AsyncClient(base_url=origin, trust_env=False, limits=limits) as client:

        async def some() -> None:
            while (number := next(numbers)) < count:
                path, headers, body = _request(channel, f"stamp-{time.monotonic_ns():020d}-{number:010d}")
                answer = await client.post(path, headers=headers, content=body)
                answer.raise_for_status()

        before = time.process_time()
        await asyncio.gather(*(some() for _ in range(at_once)))
        used = time.process_time() - before
    return _rate(sink.report(), count), used / count * 1e6


def _request(channel: str, stamp: str) -> tuple[str, Mapping[str, str], bytes]:
    """A prepared request: its path, headers and body."""
    text = _TEXT.format(stamp=stamp)
    if channel == "sms":
        return TWILIO_PATH, _FORM, urlencode({"To": "+14155550123", "From": _FROM, "Body": text}).encode()
    shown_text = {"title": "Your order is on its way", "body": text}
    message = {"message": {"token": "token-1:APA91b", "notification": shown_text, "data": {"notification_id": stamp}}}
    return FCM_PATH, _JSON, json.dumps(message).encode()


def table_of(figures: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> str:
    """A table with a line per provider. `figures` has the results of `worker` and `loop` by channel."""
    lines = ["| sends a second | worker | plain loop | ratio | CPU µs, worker | loop |", "|---|---|---|---|---|---|"]
    for channel, sides in figures.items():
        rates = {side: Spread.of([rate for rate, _ in seen]) for side, seen in sides.items()}
        used = {side: median(cpu for _, cpu in seen) for side, seen in sides.items()}
        ratio = rates["worker"].median / rates["loop"].median
        cells = [f"**{shown(one.median)}** ({shown(one.lowest)}–{shown(one.highest)})" for one in rates.values()]
        lines.append(
            f"| {_TITLES[channel]} | {cells[0]} | {cells[1]} | {shown(ratio)}× "
            f"| {used['worker']:.0f} | {used['loop']:.0f} |"
        )
    return "\n".join(lines)


def measure(repeats: int, count: int) -> str:
    """Measure and return the table."""
    figures: dict[str, dict[str, list[tuple[float, float]]]] = {
        channel: {"worker": [], "loop": []} for channel in _TITLES
    }
    at_once = int(WorkerSettings.model_fields["worker_concurrency"].default)
    with ExitStack() as stack:
        folder, servers = stack.enter_context(private_servers())
        sink, load = stack.enter_context(ApiSink()), stack.enter_context(Load())
        system = Phones(folder / "angarium", sink=sink, servers=servers)
        stack.callback(system.kill)
        system.start()
        for repeat, channel in itertools.product(range(repeats + 1), _TITLES):
            system.channel = channel
            worker = by_worker(system, load, sink, count)
            loop = uvloop.run(by_loop(channel, sink, count // _LOOP_PART, at_once))
            sys.stderr.write(f"{channel}: {worker[0]:.0f}/s by the worker, {loop[0]:.0f}/s by the loop\n")
            if repeat:  # the first repeat warms up
                figures[channel]["worker"].append(worker)
                figures[channel]["loop"].append(loop)
    return table_of(figures)


def main() -> int:
    """Measure, store and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.providers", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--count", type=int, default=10_000, help="sends of a repeat, a multiple of 1,000")
    options = parser.parse_args()
    table = measure(options.repeats, options.count)
    keep_section("providers", table)
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

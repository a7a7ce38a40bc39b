"""Templates that never end fail alone: what stands beside them is delivered."""

import asyncio

from tests.support.system import System
from tests.support.system_verbs import new_email

ENDLESS = "{% for a in (1..300) %}{% for b in (1..300) %}{% assign z = a | times: b %}{% endfor %}{% endfor %}"


async def test_neighbours_of_an_endless_template_are_delivered(system: System) -> None:
    hostile, plain = await system.create_template(content=ENDLESS + "{{ name }}"), await system.create_template()
    address = new_email()
    bodies = [
        {"recipient": {"email": address}, "template_code": template["code"], "variables": {"name": "Ada"}}
        for template in (hostile, plain) * 3
    ]
    accepted = await asyncio.gather(*(system.send(**body) for body in bodies))
    for body, notification in zip(bodies, accepted, strict=True):
        wanted = "failed" if body["template_code"] == hostile["code"] else "sent"
        ended = await system.wait_for(notification["notification_id"], wanted)
        assert (ended["reason"] or {}).get("code") == ("render_failed" if wanted == "failed" else None)
    assert len(system.sink.to(address)) == 3

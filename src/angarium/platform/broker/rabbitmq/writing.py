"""Queues frames on a connection's writer without hanging on a closed one."""

import asyncio
from collections.abc import Callable

from aiormq import Channel
from aiormq.abc import ChannelFrame


async def either(future: asyncio.Future[None], channel: Channel) -> None:
    """Return once `future` is done or the channel has ended."""
    closing = channel.closing
    try:
        await asyncio.wait((future, closing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not channel.is_closed:  # once it is, this is the channel's own future
            closing.cancel()


async def put(channel: Channel, frame: ChannelFrame, then: Callable[[bool], None]) -> None:
    """Queue `frame` for writing as soon as there is room, unless the channel ends or the call is cancelled first.

    Calls `then` exactly once, before anything else can run, with whether the frame was queued.
    """
    if channel.is_closed:
        then(False)
    elif not channel.write_queue.full():
        channel.write_queue.put_nowait(frame)
        then(True)
    else:
        await _put_later(channel, frame, then)


async def _put_later(channel: Channel, frame: ChannelFrame, then: Callable[[bool], None]) -> None:
    queued = asyncio.ensure_future(channel.write_queue.put(frame))
    try:
        await either(queued, channel)
    finally:
        # A task that can still be cancelled has not queued its frame and will not.
        then(not queued.cancel())

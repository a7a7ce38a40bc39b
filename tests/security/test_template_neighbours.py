"""A hostile template takes neither the process nor its neighbours along."""

import asyncio
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from angarium.contracts.statuses import Channel
from angarium.rendering.problems import RenderFailed
from angarium.rendering.renderer import Renderer
from tests.security.test_template_exhaustion import BOUNDED, VARIABLES, compiled

ROOT = Path(__file__).parents[2]
HELD_UP = 0.05
"""Seconds of work that one rendering may take of the event loop's thread."""
MEGABYTES = 200
GROWING = (
    "doubling captures replace prepend split lists locals power base64 url range tablerow cycles escapejs".split()  # noqa: SIM905 - a list of words
)
SLOW = "{% for a in (1..300) %}{% for b in (1..300) %}{% assign z = a | times: b %}{% endfor %}{% endfor %}"
CORPUS = """
import resource, sys
sys.path.insert(0, {root!r})
from angarium.contracts.statuses import Channel
from angarium.rendering.problems import RenderFailed
from angarium.rendering.renderer import Renderer
from tests.security.test_template_exhaustion import BOUNDED, VARIABLES, compiled, peak_megabytes

renderer, before = Renderer(max_templates=1), peak_megabytes()
for name in {growing!r}:
    try:
        renderer.render(compiled(BOUNDED[name]), Channel.EMAIL, None, VARIABLES)
    except RenderFailed:
        pass
    renderer = Renderer(max_templates=1)
print(peak_megabytes() - before)
"""


def test_what_grows_leaves_a_process_alive_and_small() -> None:
    script = CORPUS.format(root=str(ROOT), growing=GROWING)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own script
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < MEGABYTES


@pytest.mark.parametrize("name", BOUNDED)
async def test_the_event_loop_is_held_up_for_a_moment_at_most(name: str) -> None:
    """CPU time of the loop's own thread, so that a busy machine fails nothing."""
    template = compiled(BOUNDED[name])
    renderer_took = []
    for _ in range(2):
        renderer, started = Renderer(), time.thread_time()
        with suppress(RenderFailed):
            renderer.quick(template, Channel.EMAIL, None, VARIABLES)
        renderer_took.append(time.thread_time() - started)
    assert min(renderer_took) < HELD_UP


async def test_others_go_on_while_a_slow_one_is_rendered() -> None:
    renderer, slow, plain = Renderer(), compiled(SLOW), compiled("<p>{{ x }}</p>").model_copy(update={"version": 2})
    assert renderer.quick(slow, Channel.EMAIL, None, VARIABLES) is None
    rendering = asyncio.create_task(renderer.patient(slow, Channel.EMAIL, None, VARIABLES))
    done = 0
    while not rendering.done():
        assert renderer.quick(plain, Channel.EMAIL, None, VARIABLES) is not None
        done += 1
        await asyncio.sleep(0)
    with pytest.raises(RenderFailed, match="too long"):
        rendering.result()
    assert done > 20

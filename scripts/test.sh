#!/bin/sh
# Runs every test but the long ones in three processes, by file (journeys: by form). Many tests wait for servers, leases and
# time-outs, so that three keep two processors busy. Each process starts private servers when a test first needs them.
set -eu
cd "$(dirname "$0")/.."
exec .venv/bin/python -m pytest -n 3 --dist loadfile

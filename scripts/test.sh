#!/bin/sh
# Runs all tests except the long ones in three processes, distributed by file (journeys: by form). Tests often wait for
# servers, leases and timeouts, so three processes make good use of two processors. Each process starts its own private
# servers when a test first needs them.
set -eu
cd "$(dirname "$0")/.."
exec .venv/bin/python -m pytest -n 3 --dist loadfile

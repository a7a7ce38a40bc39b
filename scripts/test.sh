#!/bin/sh
# Runs every test but the long ones, in two processes at once: the unit tests keep a processor busy, while the others
# mostly wait for servers, leases and time-outs. Shows the unit tests' output after the others'.
set -u
cd "$(dirname "$0")/.."
python=.venv/bin/python
log=.run/unit-tests.log
mkdir -p .run

"$python" -m pytest tests/unit -p no:cacheprovider >"$log" 2>&1 &
unit=$!
trap 'kill "$unit" 2>/dev/null; exit 130' INT TERM
"$python" -m pytest --ignore=tests/unit
others=$?
wait "$unit"
units=$?
cat "$log"
[ "$others" -eq 0 ] && [ "$units" -eq 0 ]

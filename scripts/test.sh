#!/bin/sh
# Runs every test but the long ones, in two processes at once: faults and conformance mostly wait for servers, leases
# and time-outs, the others keep a processor busy. Shows the output of the one after the other's.
set -u
cd "$(dirname "$0")/.."
python=.venv/bin/python
log=.run/waiting-tests.log
mkdir -p .run

"$python" -m pytest tests/faults tests/conformance -p no:cacheprovider >"$log" 2>&1 &
waiting=$!
trap 'kill "$waiting" 2>/dev/null; exit 130' INT TERM
"$python" -m pytest --ignore=tests/faults --ignore=tests/conformance
busy=$?
wait "$waiting"
waited=$?
cat "$log"
[ "$busy" -eq 0 ] && [ "$waited" -eq 0 ]

#!/bin/sh
# The part of test_bare.sh that runs inside the minimal system: the README's first two commands, unchanged.
set -eu
cd "$1"
tests=$2
echo "test-bare: $(. /etc/os-release && echo "$PRETTY_NAME"), $(python3 --version), as $(id -un)"

answers() {
    python3 -c 'import sys, urllib.request as u
key = {"X-API-Key": open("angarium-data/api-key").read().strip()}
print(u.urlopen(u.Request(sys.argv[1], headers=key), timeout=5).read().decode())' "$1" 2>/dev/null
}

# Ctrl-C sends SIGINT to the whole foreground process group. To test it, start a new process group and restore the
# handling of SIGINT, which the shell ignores in background commands.
python3 -c 'import os, signal
os.setsid()
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("make", ["make", "run"])' &
run=$!
tries=0
until answers http://localhost:8000/health; do
    kill -0 "$run" 2>/dev/null || { echo "test-bare: make run ended by itself" >&2; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || { echo "test-bare: make run does not answer" >&2; exit 1; }
    sleep 1
done
tries=0
until answers "http://localhost:8000/api/v1/mailbox/messages" | grep -q '"subject"'; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || { echo "test-bare: the first notification is not in the mailbox" >&2; exit 1; }
    sleep 1
done
echo "test-bare: the first notification is in the mailbox"
kill -INT "-$run"
code=0
wait "$run" || code=$?
# make ends by the signal; Angarium ends before it.
case $code in 0 | 2 | 130) ;; *) echo "test-bare: make run ended with $code" >&2; exit 1 ;; esac
if answers http://localhost:8000/health; then
    echo "test-bare: make run did not end on Ctrl-C" >&2
    exit 1
fi
echo "test-bare: make run ended on Ctrl-C"

if [ -n "$tests" ]; then
    sh scripts/install-test-servers.sh
    # shellcheck disable=SC2086 # several words
    exec .venv/bin/python -m pytest $tests
fi
exec make test

#!/bin/sh
# Creates .venv from the lock file: finds a Python, installs the pinned uv with pip, and runs it.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "setup: $1" >&2
    exit 1
}

find_python() {
    for name in python3.13 python3.12 python3.11 python3.14 python3 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "Python 3.11 or newer is needed; install it, for example with: apt-get install python3 python3-venv"
}

# venv needs ensurepip, which Debian packages separately.
install_venv() {
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    command -v apt-get >/dev/null || fail "$1 has no ensurepip; install your system's package for Python's venv"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || fail "run this first: sudo apt-get install python$version-venv"
        as_root=sudo
    fi
    export DEBIAN_FRONTEND=noninteractive
    $as_root apt-get update -q >&2
    $as_root apt-get install -q -y --no-install-recommends "python$version-venv" >&2
}

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    rm -rf .venv
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_venv "$python"
    "$python" -m venv .venv
fi

version=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements-bootstrap.txt)
if [ "$(.venv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$version" ]; then
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
fi

UV_PYTHON_DOWNLOADS=never .venv/bin/uv sync --frozen --all-extras --quiet

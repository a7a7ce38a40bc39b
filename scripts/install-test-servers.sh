#!/bin/sh
# Installs the missing programs that the tests start: PostgreSQL, PgBouncer, RabbitMQ, Redis, MariaDB, Postfix,
# promtool, curl, and Chromium for browser tests. Uses apt on Debian and Ubuntu; on other systems it prints what to
# install. The packages' own services are not started.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"

installed() {
    for candidate in "$@"; do
        if command -v "$candidate" >/dev/null 2>&1 || [ -x "$candidate" ]; then
            return 0
        fi
    done
    return 1
}

missing=
# The patterns are unquoted so that the shell expands them.
installed initdb /usr/lib/postgresql/*/bin/initdb || missing="$missing postgresql"
installed rabbitmqctl /usr/lib/rabbitmq/bin/rabbitmqctl || missing="$missing rabbitmq-server"
installed redis-server || missing="$missing redis-server"
installed pgbouncer || missing="$missing pgbouncer"
installed mariadbd || missing="$missing mariadb-server"
installed postfix || missing="$missing postfix"
installed promtool || missing="$missing prometheus"
installed curl || missing="$missing curl"
if ls tests/browser/test_*.py >/dev/null 2>&1; then
    installed chromium chromium-browser google-chrome || missing="$missing chromium"
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "make test: install the equivalents of these Debian packages, then try again:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "make test: run this first: sudo apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

# policy-rc.d prevents the packages' own services from starting and occupying their usual ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi
echo "make test: installing$missing"
$as_root apt-get update -q
# shellcheck disable=SC2086 # one word for each package
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing </dev/null

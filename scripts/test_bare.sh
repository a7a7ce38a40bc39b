#!/bin/sh
# Runs the README's first two commands, `make run` and `make test`, in a minimal Debian created by debootstrap, with
# only ca-certificates, git, make and python3 installed. Tests the committed state. Needs root and Debian's archive.
#
#   make test-bare SUITE=trixie            Debian 13, as root (SUITE=bookworm: Debian 12)
#   make test-bare SUITE=trixie BY=user    as an ordinary user with sudo
#   make test-bare SUITE=trixie TESTS="tests/unit -k nodes"    runs these tests only
set -eu
cd "$(dirname "$0")/.."
suite=$1
as=$2
tests=$3

fail() {
    echo "test-bare: $1" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail "debootstrap and chroot need root"
case $suite in bookworm | trixie) ;; *) fail "SUITE must be bookworm or trixie" ;; esac
case $as in root | user) ;; *) fail "BY must be root or user" ;; esac
command -v debootstrap >/dev/null || fail "run this first: apt-get install debootstrap"

pristine=$PWD/.run/bare/$suite
if [ ! -e "$pristine.complete" ]; then
    rm -rf "$pristine"
    mkdir -p "$pristine"
    debootstrap --variant=minbase "$suite" "$pristine"
    chroot "$pristine" apt-get install -q -y --no-install-recommends ca-certificates git make python3 sudo
    touch "$pristine.complete"
fi

root=$(mktemp -d "$PWD/.run/bare/$suite.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT TERM
cp -a "$pristine/." "$root"
chmod 755 "$root"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
# The same certificate authorities are trusted as on the host, including one of a local proxy.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

home=/root
if [ "$as" = user ]; then
    home=/opt/tester
    chroot "$root" useradd --create-home --home-dir /opt/tester --shell /bin/sh tester
    echo "tester ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/tester"
fi
git clone -q . "$root$home/angarium"
cp scripts/test_bare_inside.sh "$root/test_bare_inside.sh"
[ "$as" = root ] || chroot "$root" chown -R tester: "$home/angarium"

# In separate namespaces: mounts and processes inside end with the command.
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --mount --pid --fork sh -euc '
    mount -t proc proc "$1/proc"
    mkdir -p "$1/dev/shm" "$1/dev/pts"
    mount -t tmpfs tmpfs "$1/dev/shm"
    mount -t devpts devpts "$1/dev/pts"
    as="env"
    [ "$2" = root ] || as="sudo -u tester env"
    exec chroot "$1" $as -i CI=true HOME="$3" LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
        sh /test_bare_inside.sh "$3/angarium" "$4"
' sh "$root" "$as" "$home" "$tests"

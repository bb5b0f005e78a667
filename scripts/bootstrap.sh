#!/bin/sh
# Make .venv and install what the project needs. Safe to run again: a step that is done is skipped.
# Usage: scripts/bootstrap.sh [dev]
set -eu

cd "$(dirname "$0")/.."
venv=.venv
seed=.venv-seed
list=requirements.txt
[ "${1:-}" = dev ] && list=requirements-dev.txt

say() { printf '%s\n' "-- $*"; }
fail() { printf '%s\n' "bootstrap: $*" >&2; exit 1; }

# A name on PATH may be a version manager's shim with nothing behind it, so each one is asked.
suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

# The distribution's own, if it can make environments, runs our tests in 15 % less time than one that a version
# manager has compiled without optimisation.
find_python() {
    first=''
    if /usr/bin/python3 -c 'import ensurepip' >/dev/null 2>&1; then first=/usr/bin/python3; fi
    for name in ${PYTHON:-$first python3 python3.13 python3.12 python3.11 python}; do
        if suits "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# Debian ships Python without ensurepip: `python -m venv` is then there and fails half-way.
make_venv() {
    rm -rf "$venv"
    "$1" -m venv "$venv" >/dev/null 2>&1 && return
    rm -rf "$venv"
    if "$1" -m pip --version >/dev/null 2>&1; then
        say "python3-venv is missing: installing virtualenv into $seed"
        if "$1" -m pip install --quiet --target "$seed" virtualenv \
            && PYTHONPATH="$seed" "$1" -m virtualenv --quiet "$venv"; then
            rm -rf "$seed"
            return
        fi
        rm -rf "$seed" "$venv"
    fi
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    install="apt-get install -y python$version-venv"
    if command -v apt-get >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ]; then root=''; elif sudo -n true 2>/dev/null; then root='sudo -n'; else root=none; fi
        if [ "$root" != none ]; then
            say "installing Debian's python$version-venv"
            # shellcheck disable=SC2086 # two words on purpose
            { $root apt-get update -qq && $root env DEBIAN_FRONTEND=noninteractive $install >/dev/null; } || true
            "$1" -m venv "$venv" && return
        fi
    fi
    rm -rf "$venv"
    how="As root run: apt-get update && $install"
    if command -v sudo >/dev/null 2>&1; then how="Run: sudo apt-get update && sudo $install"; fi
    fail "no way to make a virtual environment with $1. $how   and start again."
}

fingerprint() {
    { cat requirements.txt "$list"; "$venv/bin/python" -VV; } | cksum
}

if ! suits "$venv/bin/python"; then
    python=$(find_python) || fail "Python 3.11, 3.12 or 3.13 is needed and none is on PATH. On Debian 12 or newer run: sudo apt-get install python3 python3-venv"
    say "making $venv with $("$python" -V)"
    make_venv "$python"
fi

stamp=$venv/.installed-$list
if [ "$(cat "$stamp" 2>/dev/null)" != "$(fingerprint)" ]; then
    say "installing $list"
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || fail "$venv has no pip: remove $venv and start again."
    # Debian 12's pip builds the packages without a wheel in an outdated way, and warns of it.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --use-pep517 -r "$list" \
        || fail "pip could not install $list (see above): check the network, then start again."
    fingerprint >"$stamp"
fi

"$venv/bin/python" scripts/compile_locale.py

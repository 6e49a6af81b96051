#!/usr/bin/env bash
# Makes sure of what the tests need beside Go and git, on Debian and Ubuntu:
# a C compiler for the race detector, Prometheus, Alertmanager, PostgreSQL (15
# or later), Chromium, and pandas with scikit-learn for the scorer of the benchmark
# data. Prints, for the caller to eval, which of them are missing and
# can't be installed: missing="cgo prometheus …". With CI=true that is a failure.
set -euo pipefail

missing() {
	local out=()
	command -v gcc >/dev/null || command -v cc >/dev/null || out+=(cgo)
	command -v prometheus >/dev/null || out+=(prometheus)
	command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || out+=(alertmanager)
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || out+=(postgres)
	/usr/bin/python3 -c 'import numpy, pandas, sklearn' 2>/dev/null || out+=(pandas)
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || out+=(chromium)
	echo "${out[*]:-}"
}

packages() {
	for m in "$@"; do
		case $m in
		cgo) echo gcc libc6-dev ;;
		prometheus) echo prometheus ;;
		alertmanager) echo prometheus-alertmanager ;;
		postgres) echo postgresql ;;
		chromium) echo chromium ;;
		pandas) echo python3-pandas python3-sklearn ;;
		esac
	done
}

as=()
[[ $(id -u) -eq 0 ]] || as=(sudo -n)

# The packages bring services; the tests start their own on free ports. A policy
# keeps them from starting now, unless the machine has one already; it goes when
# this script ends, however it ends.
hold_services() {
	local policy=/usr/sbin/policy-rc.d
	[[ ! -e $policy ]] || return 0
	trap '"${as[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
	printf '#!/bin/sh\nexit 101\n' | "${as[@]}" tee "$policy" >/dev/null
	"${as[@]}" chmod +x "$policy"
}

# apt_get waits for another apt (a fresh machine updates itself), asks nothing, and
# is silent unless it fails.
apt_get() {
	local said
	said=$("${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null 2>&1) || {
		tail -n 5 <<<"$said" >&2
		return 1
	}
}

# install takes what the archive has: one package that it lacks (Ubuntu has no
# Chromium but as a snap) must not keep the others away.
install() {
	hold_services
	apt_get update || echo "going on with the package lists that are here" >&2
	apt_get install -y --no-install-recommends "$@" && return
	(($# > 1)) || return 1
	local p
	for p in "$@"; do
		apt_get install -y --no-install-recommends "$p" || true
	done
}

left=$(missing)
if [[ -n $left ]] && command -v apt-get >/dev/null && { [[ $(id -u) -eq 0 ]] || sudo -n true 2>/dev/null; }; then
	# shellcheck disable=SC2046,SC2086 # words are wanted
	echo "installing" $(packages $left) >&2
	# shellcheck disable=SC2046,SC2086
	install $(packages $left) || echo "the installation failed" >&2
	left=$(missing)
fi
if [[ -n $left && ${CI:-} == true ]]; then
	# shellcheck disable=SC2046,SC2086
	echo "CI leaves nothing out, and these are missing: $left. Install:" $(packages $left) >&2
	exit 1
fi
echo "missing=\"$left\""

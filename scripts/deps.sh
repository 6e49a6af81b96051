#!/usr/bin/env bash
# Makes sure of what the tests need beside Go and git, on Debian and Ubuntu:
# a C compiler for the race detector, Prometheus, Alertmanager, PostgreSQL (15
# or later), Chromium, and pandas for the scorer that comes with the benchmark
# data. Prints, for the caller to eval, which of them are missing and
# can't be installed: missing="cgo prometheus …". With CI=true that is a failure.
set -euo pipefail

missing() {
	local out=()
	command -v gcc >/dev/null || command -v cc >/dev/null || out+=(cgo)
	command -v prometheus >/dev/null || out+=(prometheus)
	command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || out+=(alertmanager)
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || out+=(postgres)
	/usr/bin/python3 -c 'import numpy, pandas' 2>/dev/null || out+=(pandas)
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
		pandas) echo python3-pandas ;;
		esac
	done
}

install() {
	local as=()
	[[ $(id -u) -eq 0 ]] || as=(sudo -n)
	# The packages bring services; the tests start their own on free ports. A
	# policy keeps them from starting now, unless the machine has one already.
	local policy=/usr/sbin/policy-rc.d
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' | "${as[@]}" tee "$policy" >/dev/null
		"${as[@]}" chmod +x "$policy"
		trap '"${as[@]}" rm -f "$policy"' RETURN
	fi
	"${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2 &&
		"${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >&2
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

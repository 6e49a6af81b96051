#!/usr/bin/env bash
# Builds cmd/holdfast into $1 and shows how far it is: the first build takes
# minutes, later ones seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:?usage: build.sh FILE}
mkdir -p "$(dirname "$out")"
export CGO_ENABLED=0

if [[ ! -t 1 ]]; then
	echo "building $out (the first time takes minutes)"
	go build -trimpath -buildvcs=false -o "$out" ./cmd/holdfast
	exit
fi
total=$(go list -deps ./cmd/holdfast | wc -l)
go build -v -trimpath -buildvcs=false -o "$out" ./cmd/holdfast 2>&1 | awk -v total="$total" '
	/^[[:alnum:]_.\/~-]+$/ { n++; printf "\rbuilding: %d of at most %d packages\033[K", n, total; fflush(); next }
	{ printf "\r\033[K"; print }
	END { if (n) printf "\r\033[K" }'

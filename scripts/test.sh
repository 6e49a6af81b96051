#!/usr/bin/env bash
# test.sh lint | check | all
#   lint   format, go vet, linters, tidy modules
#   check  lint, unit tests with the race detector, scripts: no servers
#   all    check, then real servers and end to end: what CI runs
# What can't run here is named in one line at the end; with CI=true it fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

what=${1:-all}
failed=()
left_out=()
started=$SECONDS

# step NAME COMMAND… runs a command and goes on when it fails, so that one run
# shows everything that is wrong.
step() {
	local name=$1 at=$SECONDS
	shift
	echo "== $name"
	if "$@"; then
		echo "== $name: ok, $((SECONDS - at)) s"
	else
		failed+=("$name")
		echo "== $name: FAILED, $((SECONDS - at)) s"
	fi
}

format() {
	local bad
	bad=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 -r ls -d 2>/dev/null | xargs -r -d '\n' go tool -modfile=tools/go.mod gofumpt -l) || return
	[[ -z $bad ]] || { echo "not formatted (make fmt):"; echo "$bad"; return 1; }
}

linters() {
	go tool -modfile=tools/go.mod golangci-lint run --allow-parallel-runners ./...
}

tidy() { go mod tidy -diff && go mod verify >/dev/null; }

vet() { go vet ./... && go vet -tags integration,bench ./test/...; }

lint_steps() {
	step "format" format
	step "go vet" vet
	step "linters" linters
	step "tidy modules" tidy
}

# The race detector needs cgo, whatever the caller's environment says.
unit() { CGO_ENABLED=$((${#race[@]} > 0)) go test "${race[@]}" ./...; }

# Whole benchmark sets, which the race detector is too slow for.
figures() {
	local which='ReproduceTheirFigures$'
	[[ $(go test -list "$which" ./cmd/holdfast | grep -c "$which") -eq 2 ]] || { echo "not both tests $which are there"; return 1; }
	go test -run "$which" ./cmd/holdfast
}

# A story of two dozen incidents, likewise.
story() {
	local which='^TestARunbookEarnsAuto'
	[[ $(go test -list "$which" ./internal/respond | grep -c "$which") -eq 1 ]] || { echo "the test $which is not there"; return 1; }
	go test -run "$which" ./internal/respond
}

servers() { HOLDFAST_TEST_WITHOUT="$missing" go test -tags integration -count=1 -timeout 20m ./test/...; }

if [[ $what == lint ]]; then
	lint_steps
else
	missing="" race=(-race)
	if [[ $what == all ]]; then
		settled=$(scripts/deps.sh)
		eval "$settled"
		# The servers that are built take minutes the first time: meanwhile the
		# unit tests run.
		mkdir -p .cache
		nice test/tools/build.sh victorialogs loki kubernetes jaeger gitea >/dev/null 2>.cache/tools.log &
		tools=$!
		trap 'kill "$tools" 2>/dev/null || true' EXIT
	elif ! command -v gcc >/dev/null && ! command -v cc >/dev/null; then
		missing=cgo
	fi
	if [[ " $missing " == *" cgo "* ]]; then
		race=()
		left_out+=("the race detector (no C compiler)")
	fi
	if [[ -z ${HOLDFAST_BENCH_DATA:-} ]]; then
		if [[ ${CI:-} == true ]]; then
			echo "HOLDFAST_BENCH_DATA is not set: CI leaves nothing out" >&2
			exit 1
		fi
		left_out+=("tests on benchmark data (set HOLDFAST_BENCH_DATA)")
	fi
	step "unit tests" unit
	[[ ${#race[@]} -eq 0 ]] || step "figures of comparators" figures
	[[ ${#race[@]} -eq 0 ]] || step "story of earned autonomy" story
	lint_steps
	if [[ $what == all ]]; then
		for m in $missing; do
			[[ $m == cgo ]] || left_out+=("tests with a real $m (not installed: see scripts/deps.sh)")
		done
		echo "== waiting for the test tools"
		if wait "$tools"; then
			step "real servers and end to end" servers
		else
			cat .cache/tools.log
			failed+=("test tools")
		fi
	fi
fi

for l in "${left_out[@]}"; do
	echo "left out: $l"
done
if [[ ${#failed[@]} -gt 0 ]]; then
	(IFS=,; echo "FAILED after $((SECONDS - started)) s: ${failed[*]}")
	exit 1
fi
echo "ok: make $([[ $what == all ]] && echo test || echo "$what"), $((SECONDS - started)) s"

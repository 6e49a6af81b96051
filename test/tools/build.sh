#!/usr/bin/env bash
# Builds the tools of the tests, each from a module of its own with pinned
# versions, into a cache folder named by what decides the result (go.mod,
# go.sum, flags, Go version, platform). What is there is not built again.
#
#   build.sh NAME…          build, print the path of each
#   build.sh --path NAME    print where it is or would be, build nothing
#
# Names: gitea, jaeger, kubernetes, loki, victorialogs. Gitea's templates and texts
# stand beside it, in static/.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/holdfast/tools
# Without a version the API server calls itself a development build.
release=k8s.io/component-base/version
declare -A link=(
	[kubernetes]="-X $release.gitVersion=v1.36.3 -X $release.gitMajor=1 -X $release.gitMinor=36"
)

locate() { # sets module, package, flags, target
	case $1 in
	gitea) module=$here/gitea package=code.gitea.io/gitea ;;
	jaeger) module=$here/jaeger package=github.com/jaegertracing/jaeger/cmd/jaeger ;;
	kubernetes) module=$here/kubernetes package=. ;;
	loki) module=$here/loki package=github.com/grafana/loki/v3/cmd/loki ;;
	victorialogs) module=$here/victorialogs package=github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-logs ;;
	*)
		echo "build.sh: unknown tool $1: use gitea, jaeger, kubernetes, loki or victorialogs" >&2
		exit 2
		;;
	esac
	flags=(-mod=readonly -buildvcs=false -trimpath "-ldflags=-s -w${link[$1]:+ ${link[$1]}}")
	local sum
	sum=$({ cat "$module"/go.mod "$module"/go.sum $(compgen -G "$module/*.go") && echo "$package ${flags[*]}" && go env GOVERSION GOOS GOARCH; } | sha256sum)
	target=$cache/$1-${sum:0:16}/$1
}

# static copies what Gitea reads at run time out of its module.
static() {
	local source dir
	source=$(go list -C "$module" -mod=readonly -m -f '{{.Dir}}' code.gitea.io/gitea)
	dir=$(dirname "$target")/static
	mkdir -p "$dir"
	cp -R "$source"/{templates,options,public} "$dir"
	chmod -R u+w "$dir"
}

build() {
	locate "$1"
	if [[ ! -x $target ]]; then
		mkdir -p "$(dirname "$target")"
		echo "building $1 (once; kept in $cache)" >&2
		# To a name of its own first: two builds at once, or one that is cut
		# short, must not leave half a file.
		local fresh=$target.$$
		trap 'rm -f "$fresh"' EXIT
		CGO_ENABLED=0 go build -C "$module" "${flags[@]}" -o "$fresh" "$package"
		[[ $1 != gitea ]] || static
		mv -f "$fresh" "$target"
		trap - EXIT
	fi
	echo "$target"
}

if [[ ${1:-} == --path ]]; then
	locate "${2:?a name is needed}"
	echo "$target"
	exit
fi
if [[ $# -eq 0 ]]; then
	sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
	exit 2
fi
for name in "$@"; do build "$name"; done

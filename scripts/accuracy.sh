#!/usr/bin/env bash
# accuracy.sh: runs every set of $HOLDFAST_BENCH_DATA and writes the tables of
# docs/accuracy.md again, between their markers, and the reliability chart. Takes
# some minutes, uses every core, and is never part of `make test`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

data=${HOLDFAST_BENCH_DATA:?set it to the folder that holds a folder for each set}
doc=docs/accuracy.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/build.sh "$work/holdfast"

# put NAME FILE writes FILE between <!-- NAME --> and <!-- /NAME -->.
put() {
	awk -v open="<!-- $1 -->" -v close_="<!-- /$1 -->" -v file="$2" '
		$0 == open { print; print ""; while ((getline line < file) > 0) print line; print ""; skip = 1; seen = 1 }
		$0 == close_ { skip = 0 }
		!skip { print }
		END { if (!seen) { print "no marker " open > "/dev/stderr"; exit 1 } }
	' "$doc" >"$work/doc" && cp "$work/doc" "$doc"
}

for set in petshop nezha cloudops opensre-synth nab cloudmon loghub2k; do
	echo "compare $set" >&2
	"$work/holdfast" bench compare "$set" --data "$data/$set" -o markdown >"$work/$set.md"
	put "$set" "$work/$set.md"
	"$work/holdfast" bench predict "$set" --data "$data/$set" --out "$work/$set-pred" >/dev/null
	"$work/holdfast" bench score "$set" --data "$data/$set" --pred "$work/$set-pred" -o markdown >"$work/$set-score.md"
	put "$set groups" "$work/$set-score.md"
done

echo "speed" >&2
"$work/holdfast" bench speed --data "$data" -o markdown >"$work/speed.md"
put speed "$work/speed.md"

echo "alarms" >&2
"$work/holdfast" bench alarms --data "$data" -o markdown >"$work/alarms.md"
put alarms "$work/alarms.md"

echo "learn by folds" >&2
"$work/holdfast" bench fit --data "$data" --out "$work/weights.json" >"$work/folds.md"
put folds "$work/folds.md"
for file in weights.json calibration.json; do
	cmp "$work/$file" "internal/diagnose/$file" ||
		{ echo "internal/diagnose/$file is not what these rules and data give: fit again (docs/accuracy.md)" >&2; exit 1; }
done
echo "weights and calibration are what the data give, byte for byte" >&2

echo "calibrate" >&2
"$work/holdfast" bench calibrate --held-back --data "$data" --svg docs/images/reliability.svg -o markdown >"$work/calibrate.md"
put calibration "$work/calibrate.md"

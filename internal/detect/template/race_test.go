//go:build race

package template_test

// manyDifferent is how many lines without anything in common a miner is given;
// the race detector makes each ten times dearer.
const manyDifferent = 100_000

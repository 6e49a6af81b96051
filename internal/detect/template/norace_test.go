//go:build !race

package template_test

// manyDifferent is how many lines without anything in common a miner is given.
const manyDifferent = 1_000_000

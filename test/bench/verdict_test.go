//go:build bench

package bench

import "testing"

func verdict(t *testing.T, binary string, r *report) {}

package signal

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
)

// Fingerprint returns the identity that Prometheus and Alertmanager give a set
// of labels: FNV-1a over the sorted names and values, each followed by 0xFF, in
// 16 hexadecimal digits. It depends on nothing but the labels.
func Fingerprint(labels map[string]string) string {
	h := fnv.New64a()
	sep := []byte{0xFF}
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		_, _ = h.Write([]byte(k))
		_, _ = h.Write(sep)
		_, _ = h.Write([]byte(labels[k]))
		_, _ = h.Write(sep)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

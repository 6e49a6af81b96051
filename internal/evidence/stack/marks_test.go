package stack

import (
	"os"
	"path/filepath"
	"testing"
)

// No language is spared that would have found frames.
func TestMarks(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob("testdata/*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		ls := split(string(text))
		may := marksOf(ls)
		for _, r := range readers {
			if n := len(r.read(ls).trace(r.language).Frames); n > 0 && !may[r.language] {
				t.Errorf("%s: %d frames of %s are spared", file, n, r.language)
			}
		}
	}
}

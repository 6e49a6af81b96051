package git

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Each fetch leaves a pack, or single objects, in the mirror. Where these are many,
// they are joined: at most so often, and for so long.
const (
	maxPacks  = 50
	maxSingle = 2000 // objects, as told by those in one of 256 folders
	packEvery = 24 * time.Hour
	packTime  = 2 * time.Minute
)

// pack joins what many fetches left. Nothing is thrown away, no history is walked, and
// what the clone holds is not touched: only objects of the mirror are written anew.
func (s *Source) pack(ctx context.Context, m *clone, mem *memory, now time.Time) error {
	objects := filepath.Join(m.dir, "objects")
	loose, packs := entries(filepath.Join(objects, "17"), "") > maxSingle/256, entries(filepath.Join(objects, "pack"), ".pack") > maxPacks
	if !loose && !packs || now.Sub(mem.Packed) < packEvery {
		return nil
	}
	mem.Packed = now
	ctx, cancel := context.WithTimeout(ctx, packTime)
	defer cancel()
	var steps [][]string
	if loose {
		steps = append(steps, []string{"maintenance", "run", "--quiet", "--task=loose-objects"}, []string{"prune-packed", "--quiet"})
	}
	if packs {
		steps = append(
			steps, []string{"multi-pack-index", "write", "--no-progress"},
			[]string{"multi-pack-index", "repack", "--no-progress", "--batch-size=0"}, []string{"multi-pack-index", "expire", "--no-progress"},
		)
	}
	if err := unlock(filepath.Join(objects, "maintenance.lock"), filepath.Join(objects, "pack", "multi-pack-index.lock")); err != nil {
		return err
	}
	for _, args := range steps {
		// One core and little memory are enough: nobody waits.
		args = append([]string{"-c", "pack.threads=1", "-c", "pack.windowMemory=64m"}, args...)
		if _, err := s.git(ctx, m, call{timeout: packTime, args: args}); err != nil {
			return err
		}
	}
	return nil
}

// entries counts what a folder holds whose name has an ending.
func entries(dir, ending string) (n int) {
	all, _ := os.ReadDir(dir) // one that can't be read has nothing to join
	for _, e := range all {
		if strings.HasSuffix(e.Name(), ending) {
			n++
		}
	}
	return n
}

// unlock removes locks that git left behind.
func unlock(paths ...string) error {
	for _, path := range paths {
		if fi, err := os.Lstat(path); err == nil && time.Since(fi.ModTime()) > staleLock {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("lock left behind: %w", err)
			}
		}
	}
	return nil
}

package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// disk is a layer under SQLite that remembers, beside doing it, what was
// written to each file since its last sync, so that it can say what a power
// loss at this moment may leave behind. It wraps SQLite's own file layer.
type disk struct {
	mu    sync.Mutex
	files map[string]*onDisk
	open  map[uintptr]string // SQLite's file handles
	lies  bool               // report syncs without doing them

	keep []any // the closures that SQLite calls: its memory is not ours to scan
}

type onDisk struct {
	synced  []byte
	pending []operation
}

// operation is one write, or with nil data a truncation.
type operation struct {
	offset int64
	data   []byte
}

const sector = 512

func (o operation) apply(content []byte, reaches func() bool) []byte {
	if o.data == nil {
		if !reaches() {
			return content
		}
		return grown(content, o.offset)[:o.offset]
	}
	for at := int64(0); at < int64(len(o.data)); at += sector {
		part := o.data[at:min(at+sector, int64(len(o.data)))]
		if reaches() {
			content = grown(content, o.offset+at+int64(len(part)))
			copy(content[o.offset+at:], part)
		}
	}
	return content
}

func grown(b []byte, size int64) []byte {
	if int64(len(b)) < size {
		b = append(b, make([]byte, size-int64(len(b)))...)
	}
	return b
}

// powerLoss writes what may be left into dir: all that was synced, and of the
// rest each sector or not.
func (d *disk) powerLoss(t *testing.T, dir string, rng *rand.Rand) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, f := range d.files {
		content := slices.Clone(f.synced)
		share := rng.IntN(4) // of the unsynced sectors that made it: none … most
		for _, o := range f.pending {
			content = o.apply(content, func() bool { return rng.IntN(4) < share })
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *disk) file(handle uintptr, do func(*onDisk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	path, ok := d.open[handle]
	if !ok {
		return
	}
	f := d.files[path]
	if f == nil {
		f = &onDisk{}
		d.files[path] = f
	}
	do(f)
}

// The functions of SQLite's file layer that are wrapped.
type (
	openFunc     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32
	writeFunc    = func(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
)

// fromC and toC convert between a Go function and what stands for a C function
// pointer in the translated SQLite: the address of the function value.
func fromC[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{p})) }

func toC[F any](d *disk, fn F) uintptr {
	d.keep = append(d.keep, fn)
	return *(*uintptr)(unsafe.Pointer(&fn))
}

// newDisk registers the layer with SQLite under the test's own name until the
// test ends.
func newDisk(t *testing.T) (d *disk, vfs string) {
	t.Helper()
	d = &disk{files: map[string]*onDisk{}, open: map[uintptr]string{}}
	vfs = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, t.Name())
	tls := libc.NewTLS()
	name, err := libc.CString(vfs)
	if err != nil {
		t.Fatal(err)
	}
	size := unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})
	mem := libc.Xmalloc(tls, libc.Tsize_t(size))
	layer := at[sqlite3.Tsqlite3_vfs](mem)
	inner := sqlite3.Xsqlite3_vfs_find(tls, 0)
	*layer = *at[sqlite3.Tsqlite3_vfs](inner)
	layer.FpNext, layer.FzName = 0, name
	layer.FxOpen = toC[openFunc](d, d.opener(inner))
	if rc := sqlite3.Xsqlite3_vfs_register(tls, mem, 0); rc != sqlite3.SQLITE_OK {
		t.Fatalf("register the file layer: %d", rc)
	}
	t.Cleanup(func() {
		sqlite3.Xsqlite3_vfs_unregister(tls, mem)
		libc.Xfree(tls, mem)
		libc.Xfree(tls, name)
		tls.Close()
		// SQLite holds the layer's functions where the collector can't see them:
		// they must outlive every database that the test closes on its way out.
		runtime.KeepAlive(d)
	})
	return d, vfs
}

// at sees C memory as a Go value.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

func (d *disk) opener(inner uintptr) openFunc {
	open := fromC[openFunc](at[sqlite3.Tsqlite3_vfs](inner).FxOpen)
	methods := map[uintptr]uintptr{} // the wrapped tables by the original
	return func(tls *libc.TLS, _, name, file uintptr, flags int32, outFlags uintptr) int32 {
		rc := open(tls, inner, name, file, flags, outFlags)
		if rc != sqlite3.SQLITE_OK || flags&(sqlite3.SQLITE_OPEN_MAIN_DB|sqlite3.SQLITE_OPEN_WAL) == 0 {
			return rc
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open[file] = libc.GoString(name)
		table := at[uintptr](file) // the first field of a file: its methods
		wrapped, ok := methods[*table]
		if !ok {
			wrapped = d.wrap(tls, *table)
			methods[*table] = wrapped
		}
		*table = wrapped
		return rc
	}
}

// wrap copies a table of methods and puts ours in. The copy is small and lives,
// like SQLite's own, until the process ends.
func (d *disk) wrap(tls *libc.TLS, original uintptr) uintptr {
	mem := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	wrapped := at[sqlite3.Tsqlite3_io_methods](mem)
	*wrapped = *at[sqlite3.Tsqlite3_io_methods](original)
	write := fromC[writeFunc](wrapped.FxWrite)
	wrapped.FxWrite = toC[writeFunc](d, func(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32 {
		data := slices.Clone(unsafe.Slice(at[byte](buf), n))
		d.file(file, func(f *onDisk) { f.pending = append(f.pending, operation{offset, data}) })
		return write(tls, file, buf, n, offset)
	})
	truncate := fromC[truncateFunc](wrapped.FxTruncate)
	wrapped.FxTruncate = toC[truncateFunc](d, func(tls *libc.TLS, file uintptr, size int64) int32 {
		d.file(file, func(f *onDisk) { f.pending = append(f.pending, operation{size, nil}) })
		return truncate(tls, file, size)
	})
	sync := fromC[syncFunc](wrapped.FxSync)
	wrapped.FxSync = toC[syncFunc](d, func(tls *libc.TLS, file uintptr, flags int32) int32 {
		rc := sync(tls, file, flags)
		if rc == sqlite3.SQLITE_OK && !d.lies {
			d.file(file, func(f *onDisk) {
				for _, o := range f.pending {
					f.synced = o.apply(f.synced, func() bool { return true })
				}
				f.pending = nil
			})
		}
		return rc
	})
	return mem
}

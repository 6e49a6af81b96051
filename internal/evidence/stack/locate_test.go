package stack_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
)

// repository is a list of files as git gives it.
var repository = []string{
	"services/relay/main.go", "services/relay/worker.go", "services/api/main.go", "services/search/search.go", "go.mod",
	"vendor/github.com/lib/pq/conn.go",
	"web/src/cart/Cart.tsx", "web/src/app/page.tsx", "web/src/pages/index.tsx", "web/src/legacy code/run.js", "web/vite.config.js",
	"nest/src/main.ts", "nest/src/booking/booking.service.ts", "nest/src/booking/booking.module.ts",
	"billing/src/main/java/com/acme/billing/Ledger.java", "billing/src/main/java/com/acme/billing/tax/Rates.java", "pricing/src/main/java/com/acme/pricing/Rates.java",
	"kt/src/main/kotlin/relay/Relay.kt",
	"net/src/Acme.Booking/Data/Store.cs", "net/src/Acme.Booking/Program.cs", "net/src/Acme.Jobs/Program.cs",
	"py/booking/service.py", "py/booking/__init__.py", "py/store/__init__.py", "py/main.py", "py/handlers.py",
	"crates/booking-core/src/lib.rs", "crates/api/src/lib.rs", "crates/booking-core/src/cancel.rs",
	"rails/app/models/room.rb", "manage.py", "php/src/Store.php",
}

func TestLocate(t *testing.T) {
	t.Parallel()
	f := func(function, file string) evidence.Frame {
		return evidence.Frame{Function: function, File: file, Line: 7}
	}
	tests := map[string]struct {
		frame      evidence.Frame
		root, want string // ? after what is guessed, * after the source of a compiled file
	}{
		"whole path":                      {f("", "services/relay/main.go"), "", "services/relay/main.go"},
		"build directory":                 {f("", "/go/src/x/services/relay/main.go"), "", "services/relay/main.go"},
		"module":                          {f("", "example.com/shop/services/relay/main.go"), "", "services/relay/main.go"},
		"windows":                         {f("", `C:\x\Services\Relay\main.go`), "", "services/relay/main.go"},
		"part of the path":                {f("", "relay/main.go"), "", "services/relay/main.go"},
		"base name, one file":             {f("", "worker.go"), "", "services/relay/worker.go"},
		"base name, package in function":  {f("example.com/shop/services/api.Run", "main.go"), "", "services/api/main.go"},
		"base name, many, root decides":   {f("", "main.go"), "services/api", "services/api/main.go?"},
		"base name, many, nothing does":   {f("", "main.go"), "", ""},
		"other folders, root vouches":     {f("", "/app/v2/worker.go"), "services/relay", "services/relay/worker.go?"},
		"root does not vouch for another": {f("", "/app/v2/worker.go"), "services/api", ""},
		"other folders, nothing vouches":  {f("", "/app/v2/worker.go"), "", ""},
		"image's top folder":              {f("", "/app/worker.go"), "", "services/relay/worker.go?"},
		"the standard library":            {f("net/http.(*conn).serve", "/usr/local/go/src/net/http/main.go"), "services/api", ""},
		"a module of another":             {f("", "/go/pkg/mod/example.com/relay@v1.2.3/services/relay/main.go"), "", "services/relay/main.go"},
		"vendored":                        {f("", "/src/vendor/github.com/lib/pq/conn.go"), "", ""},
		"out of the repository":           {f("", "../../etc/passwd"), "", ""},
		"webpack":                         {f("", "webpack://shop/./src/cart/Cart.tsx?a1b2"), "", "web/src/cart/Cart.tsx"},
		"webpack, old":                    {f("", "webpack:///./src/cart/Cart.tsx"), "", "web/src/cart/Cart.tsx"},
		"webpack-internal":                {f("", "webpack-internal:///(rsc)/./src/app/page.tsx"), "", "web/src/app/page.tsx"},
		"turbopack":                       {f("", "turbopack://[project]/src/app/page.tsx [app-rsc] (ecmascript)"), "", "web/src/app/page.tsx"},
		"vite":                            {f("", "http://localhost:5173/src/cart/Cart.tsx?t=1705312800"), "", "web/src/cart/Cart.tsx"},
		"file URL":                        {f("", "file:///usr/src/app/src/cart/Cart.tsx"), "", "web/src/cart/Cart.tsx"},
		"file URL of windows":             {f("", "file:///C:/work/web/src/Legacy%20Code/Run.js"), "", "web/src/legacy code/run.js"},
		"compiled":                        {f("", "/usr/src/app/dist/booking/booking.service.js"), "", "nest/src/booking/booking.service.ts*"},
		"compiled, at the top":            {f("", "/usr/src/app/dist/main.js"), "", "nest/src/main.ts*"},
		"a library of node":               {f("", "/usr/src/app/node_modules/express/src/main.js"), "", ""},
		"node itself":                     {f("", "node:internal/main"), "", ""},
		"java, package":                   {f("", "com/acme/billing/Ledger.java"), "", "billing/src/main/java/com/acme/billing/Ledger.java"},
		"java, package in function":       {f("com.acme.pricing.Rates$Table.rate", "Rates.java"), "", "pricing/src/main/java/com/acme/pricing/Rates.java"},
		"java, another's class":           {f("", "org/lib/util/Ledger.java"), "", ""},
		"kotlin leaves folders out":       {f("", "com/acme/relay/Relay.kt"), "", "kt/src/main/kotlin/relay/Relay.kt"},
		".net, windows":                   {f("", `D:\a\1\s\src\acme.booking\Data\Store.cs`), "", "net/src/Acme.Booking/Data/Store.cs"},
		".net, between equals":            {f("", "/src/Acme.Jobs/Program.cs"), "", "net/src/Acme.Jobs/Program.cs"},
		"python":                          {f("", "/app/booking/__init__.py"), "", "py/booking/__init__.py"},
		"python, site-packages":           {f("", "/usr/lib/python3/site-packages/booking/service.py"), "", "py/booking/service.py"},
		"python, another's package":       {f("", "/usr/lib/python3/site-packages/lib/booking/service.py"), "", ""},
		"a library's everyday name":       {f("", "/app/node_modules/car/app/page.tsx"), "", ""},
		"python, standard library":        {f("", "/usr/lib/python3.11/booking/service.py"), "", ""},
		"at the repository's top":         {f("", "/code/manage.py"), "", "manage.py"},
		"rust, crate in function":         {f("booking_core::cancel", "src/lib.rs"), "", "crates/booking-core/src/lib.rs?"},
		"rust, dotted":                    {f("", "./crates/booking-core/src/cancel.rs"), "", "crates/booking-core/src/cancel.rs"},
		"rails":                           {f("", "app/models/room.rb"), "", "rails/app/models/room.rb"},
		"php":                             {f("", "/var/www/html/src/Store.php"), "", "php/src/Store.php"},
		"empty":                           {f("", ""), "", ""},
		"dots":                            {f("", ".."), "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := places(stack.NewFiles(repository, tt.root).Locate([]evidence.Frame{tt.frame}))
			if want := strings.TrimSpace(tt.want); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func places(ps []stack.Place) string {
	var out []string
	for _, p := range ps {
		switch {
		case p.Compiled:
			out = append(out, p.Path+"*")
		case !p.Sure:
			out = append(out, p.Path+"?")
		default:
			out = append(out, p.Path)
		}
	}
	return strings.Join(out, " ")
}

// What the sure frames tell about where the program was built settles others.
func TestLocateLearnsWhereTheRepositoryLies(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files string
		want  string
	}{
		"a base name that many have":  {"/build/services/relay/worker.go /build/services/api/main.go", "services/relay/worker.go services/api/main.go"},
		"the root of the image":       {"/app/booking/service.py /app/handlers.py /app/main.py", "py/booking/service.py py/handlers.py py/main.py"},
		"nothing else lies there":     {"/app/booking/service.py /app/gone.py", "py/booking/service.py"},
		"without it, guessed":         {"/app/handlers.py", "py/handlers.py?"},
		"own before libraries":        {"/usr/src/app/node_modules/a/src/main.js /usr/src/app/dist/booking/booking.module.js", "nest/src/booking/booking.module.ts*"},
		"the library is the program":  {"/usr/local/bundle/gems/hotel-1.0/rails/app/models/room.rb", "rails/app/models/room.rb"},
		"a library of the same names": {"/app/booking/service.py /venv/lib/python3.11/site-packages/other/main.py", "py/booking/service.py"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var frames []evidence.Frame
			for i, file := range strings.Fields(tt.files) {
				frames = append(frames, evidence.Frame{File: file, Line: i + 1})
			}
			if got := places(stack.NewFiles(repository, "").Locate(frames)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A trace of each language, read and found.
func TestParsedFramesAreFound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, files, want string }{
		"go":     {"go/nil", "cmd/main.go internal/store/store.go internal/service/cancel.go internal/worker/worker.go", "internal/store/store.go:41 internal/service/cancel.go:152 internal/worker/worker.go:33"},
		"java":   {"java/logback", "src/main/java/com/acme/booking/service/BookingService.java src/test/java/com/acme/booking/service/BookingServiceTest.java", "src/main/java/com/acme/booking/service/BookingService.java:152"},
		"python": {"python/group", "src/booking/store.py src/booking/service.py src/main.py", "src/booking/store.py:7 src/booking/store.py:12 src/booking/service.py:12 src/booking/service.py:37 src/main.py:15 src/main.py:30"},
		"node":   {"node/chain", "src/store.js src/service.js test/store.js", "src/store.js:4 src/service.js:5"},
		"dotnet": {"dotnet/windows", "src/Acme Booking/Pricing.cs src/Acme.Job/Job.cs", "src/Acme Booking/Pricing.cs:40 src/Acme Booking/Pricing.cs:33 src/Acme.Job/Job.cs:9"},
		"ruby":   {"ruby/rails", "app/services/booking/cancel.rb app/controllers/bookings_controller.rb", "app/services/booking/cancel.rb:152 app/controllers/bookings_controller.rb:89"},
		"rust":   {"rust/old", "services/booking/src/cancel.rs services/api/src/cancel.rs", "services/booking/src/cancel.rs:152"},
		"php":    {"php/laravel", "app/Services/BookingService.php app/Http/Controllers/BookingController.php", "app/Services/BookingService.php:152 app/Http/Controllers/BookingController.php:89"},
		"a note": {"plain/written", "src/booking_service.go src/api_handler.go", "src/booking_service.go:152 src/api_handler.go:89"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var frames []evidence.Frame
			for _, f := range stack.Parse(read(t, "testdata/"+tt.file+".txt")).Frames {
				frames = append(frames, f.Frame)
			}
			var got []string
			for _, p := range stack.NewFiles(strings.Fields(strings.ReplaceAll(tt.files, "Acme Booking", "Acme_Booking")), "").Locate(spaced(frames)) {
				got = append(got, fmt.Sprintf("%s:%d", p.Path, p.Line))
			}
			if diff := cmp.Diff(strings.ReplaceAll(tt.want, "Acme Booking", "Acme_Booking"), strings.Join(got, " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// spaced lets the tables above be split at spaces.
func spaced(frames []evidence.Frame) []evidence.Frame {
	for i := range frames {
		frames[i].File = strings.ReplaceAll(frames[i].File, "Acme Booking", "Acme_Booking")
	}
	return frames
}

func BenchmarkLocate(b *testing.B) {
	var paths []string
	for i := range 50_000 {
		paths = append(paths, fmt.Sprintf("services/s%d/pkg%d/index.ts", i%500, i))
		if i%10 > 0 {
			paths[i] = fmt.Sprintf("services/s%d/src/module%d.ts", i%500, i)
		}
	}
	frames := make([]evidence.Frame, stack.MaxFrames)
	for i := range frames {
		frames[i] = evidence.Frame{File: fmt.Sprintf("/app/services/s%d/pkg%d/index.js", 10*i%500, 10*i), Line: 1}
	}
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			stack.NewFiles(paths, "")
		}
	})
	files := stack.NewFiles(paths, "")
	b.Run("frames=128", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got := len(files.Locate(frames)); got != len(frames) {
				b.Fatal(got)
			}
		}
	})
}

// TestFilesThatEndAlike: packages of one repository are told apart by what stands
// before the build folder, and else named all.
func TestFilesThatEndAlike(t *testing.T) {
	t.Parallel()
	files := stack.NewFiles([]string{
		"packages/api/src/cart/load.ts", "packages/web/src/cart/load.ts", "a/main.py", "b/main.py", "c/run.py", "d/run.py", "e/run.py", "f/run.py", "g/run.py",
	}, "")
	at := func(file string) []evidence.Frame { return []evidence.Frame{{File: file, Line: 3}} }
	for file, want := range map[string]string{
		"/usr/src/app/packages/web/dist/cart/load.js": "packages/web/src/cart/load.ts*",
		"/app/dist/cart/load.js":                      "",
		"/srv/main.py":                                "",
	} {
		if got := places(files.Locate(at(file))); got != want {
			t.Errorf("%s lies at %q, want %q", file, got, want)
		}
	}
	for file, want := range map[string]string{
		"/srv/main.py":           "a/main.py? b/main.py?",
		"main.py":                "a/main.py? b/main.py?",
		"/lib/of/others/main.py": "",
		"/srv/run.py":            "", // too many
		"nowhere.py":             "",
	} {
		if got := places(files.Tied(at(file))); got != want {
			t.Errorf("%s may be %q, want %q", file, got, want)
		}
	}
}

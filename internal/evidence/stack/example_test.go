package stack_test

import (
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
)

func ExampleParse() {
	trace := stack.Parse(`panic: pq: connection timeout

goroutine 7 [running]:
github.com/lib/pq.(*conn).query(0xc000130018)
	/go/pkg/mod/github.com/lib/pq@v1.10.9/conn.go:888 +0x1a5
example.com/booking/service.(*Service).Cancel(0xc0000a2000, {0x5d0e28, 0x24})
	/build/service/booking_service.go:152 +0x65
`)
	fmt.Println(trace.Type+":", trace.Message)
	for _, f := range trace.Own() {
		fmt.Println(f.File, f.Line, f.Function)
	}
	// Output:
	// panic: pq: connection timeout
	// /build/service/booking_service.go 152 example.com/booking/service.(*Service).Cancel
}

func ExampleFiles_Locate() {
	files := stack.NewFiles([]string{"go.mod", "service/booking_service.go", "service/booking_service_test.go"}, "")
	for _, p := range files.Locate([]evidence.Frame{{File: "/build/service/booking_service.go", Line: 152}}) {
		fmt.Printf("%s:%d sure=%v\n", p.Path, p.Line, p.Sure)
	}
	// Output: service/booking_service.go:152 sure=true
}

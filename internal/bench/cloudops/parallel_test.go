package cloudops

import "testing"

func TestAPanicIsRaisedWhereItIsWaitedFor(t *testing.T) {
	t.Parallel()
	if got := inParallel(func() int { return 7 })(); got != 7 {
		t.Errorf("got %d, want 7", got)
	}
	wait := inParallel(func() int { panic("broken case") })
	defer func() {
		if got := recover(); got != "broken case" {
			t.Errorf("raised %v, want the panic of the work", got)
		}
	}()
	wait()
	t.Error("no panic")
}

package jobs

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestOutcomesAreErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("the target is gone")
	snooze, ok := errors.AsType[*SnoozeError](fmt.Errorf("wait for approval: %w", Snooze(time.Minute)))
	if !ok || snooze.D != time.Minute {
		t.Errorf("a wrapped snooze is %v", snooze)
	}
	if err := Cancel(cause); !errors.Is(err, cause) || err.Error() != "cancelled: the target is gone" {
		t.Errorf("cancel is %v", err)
	}
	if Cancel(nil).Error() != "cancelled: no cause given" {
		t.Errorf("cancel without a cause is %v", Cancel(nil))
	}
}

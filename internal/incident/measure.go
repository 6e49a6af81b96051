package incident

import (
	"fmt"

	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Shares and rates of measured impact (DESIGN §2). A burn of 14.4 spends 2 % of
// a 30-day error budget in one hour (Google SRE Workbook, ch. 5).
const (
	MostFailing = 0.50
	SomeFailing = 0.05
	PageBurn    = 14.4
)

// Measured returns the severity that the measured impact on users stands for,
// with the reason in words, or severity.Unset when it stands for none.
// failingShare is the share of users' requests that fail, 0…1; burnRate is that
// of the worst objective; NaN means unknown and says nothing. A tier of 0 is
// not known and counts as tier 1.
func Measured(tier int, failingShare float64, serviceDown bool, burnRate float64) (severity.Severity, string) {
	switch {
	case serviceDown && tier <= 1:
		return severity.SEV1, "tier-1 service is down"
	case failingShare > MostFailing:
		return severity.SEV1, fmt.Sprintf("%.1f %% of requests fail (over 50 %%)", 100*failingShare)
	case serviceDown:
		return severity.SEV2, fmt.Sprintf("tier-%d service is down", tier)
	case failingShare > SomeFailing:
		return severity.SEV2, fmt.Sprintf("%.1f %% of requests fail (over 5 %%)", 100*failingShare)
	case burnRate >= PageBurn:
		return severity.SEV2, fmt.Sprintf("the error budget burns %.1f times too fast (14.4 or more)", burnRate)
	}
	return severity.Unset, ""
}

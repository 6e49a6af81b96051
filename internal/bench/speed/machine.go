package speed

import (
	"os"
	"runtime"
	"strings"
)

// Machine is what was measured on.
type Machine struct {
	Go   string `json:"go"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"`
	// Load is the mean number of processes that ran or waited in the minute before
	// the start; empty = not known.
	Load string `json:"load,omitempty"`
	// Cores is how many of the CPUs Holdfast could use.
	Cores int `json:"cores"`
}

func machine() Machine {
	m := Machine{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Cores: runtime.GOMAXPROCS(0)}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(b), " ")
	}
	return m
}

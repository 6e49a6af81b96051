package document

import "github.com/holdfast-sre/holdfast/internal/diagnose"

// Diagnosis writes a diagnosis as a report.
func Diagnosis(in diagnose.Input, d diagnose.Diagnosis) string { return "" }

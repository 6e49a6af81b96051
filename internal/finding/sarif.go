package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// SARIF 2.1.0, as far as a linter needs it (OASIS, 2020).

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   string      `json:"id"`
	ShortDescription     sarifText   `json:"shortDescription"`
	FullDescription      sarifText   `json:"fullDescription"`
	Help                 sarifText   `json:"help"`
	HelpURI              string      `json:"helpUri"`
	DefaultConfiguration sarifConfig `json:"defaultConfiguration"`
}

type sarifConfig struct {
	Level Severity `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID              string            `json:"ruleId"`
	RuleIndex           int               `json:"ruleIndex"`
	Level               Severity          `json:"level"`
	Message             sarifText         `json:"message"`
	Locations           []sarifLocation   `json:"locations"`
	PartialFingerprints map[string]string `json:"partialFingerprints"`
}

type sarifLocation struct {
	PhysicalLocation sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

// SARIF prints the findings for code scanning: SARIF 2.1.0 with the metadata of
// every rule, and paths as relative URIs.
func (r Report) SARIF(w io.Writer, version string) error {
	rules := r.Tool.Rules
	index := map[string]int{}
	driver := sarifDriver{Name: r.Tool.Name, Version: version, InformationURI: "https://github.com/holdfast-sre/holdfast"}
	for i, x := range rules {
		index[x.Name] = i
		driver.Rules = append(driver.Rules, sarifRule{
			ID: x.Name, ShortDescription: sarifText{x.What}, FullDescription: sarifText{x.What + " " + x.Why}, Help: sarifText{x.Fix},
			HelpURI: x.URL, DefaultConfiguration: sarifConfig{x.Severity},
		})
	}
	run := sarifRun{Tool: sarifTool{driver}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	seen := map[string]int{}
	for _, f := range r.Findings {
		print := fingerprint(f)
		seen[print]++
		run.Results = append(run.Results, sarifResult{
			RuleID: f.Rule, RuleIndex: index[f.Rule], Level: f.Severity, Message: sarifText{shown(f.What) + ". " + shown(f.Fix)},
			Locations: []sarifLocation{{sarifPhysical{sarifArtifact{uri(f.File)}, sarifRegion{f.Line, f.Column}}}},
			// The line is left out, so that a finding stays the same when text above it grows.
			PartialFingerprints: map[string]string{"holdfastFinding/v1": fmt.Sprintf("%s:%d", print, seen[print])},
		})
	}
	return encode(w, sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func fingerprint(f Finding) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Rule, f.File, f.Artefact, f.What}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// uri is a path as a relative reference (RFC 3986).
func uri(p string) string { return (&url.URL{Path: p}).String() }

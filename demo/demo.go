// Package demo holds the sources of the booking system and its documents as
// text: the runner makes a repository of them, with the history that led there.
package demo

import "embed"

// Sources are the services' own Go files, as compiled into this binary.
//
//go:embed booking
var Sources embed.FS

// Documents are the Markdown artefacts of the booking system.
//
//go:embed knowledge/docs
var Documents embed.FS

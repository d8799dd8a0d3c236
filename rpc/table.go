package rpc

import (
	_ "embed"
	"strings"
)

// errorsPage is where every kind of error is told: the page people read is the
// table programs get.
//
//go:embed ERRORS.md
var errorsPage string

// ErrorRow is a row of ERRORS.md.
type ErrorRow struct {
	Kind Kind
	Code int
	When string // it happens
}

// ErrorTable gives the kinds of errors in the order of ERRORS.md.
func ErrorTable() []ErrorRow {
	var rows []ErrorRow
	for line := range strings.Lines(errorsPage) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		kind := Kind(strings.Trim(cells[1], " `"))
		if _, known := codeOf[kind]; known {
			rows = append(rows, ErrorRow{kind, kind.Code(), strings.TrimSpace(cells[3])})
		}
	}
	return rows
}

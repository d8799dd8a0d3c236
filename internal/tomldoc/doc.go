// Package tomldoc reads a TOML document and knows where each of its keys and
// values stands, so that every mistake in it is told with its line, its column,
// a caret under it and the nearest word that would have been right. What the
// keys mean is the business of whoever reads it: the daemon's configuration
// (internal/config) and a Mochi package's manifest (internal/mochitoml).
package tomldoc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// MaxFile bounds what is read: a mistyped path must not fill memory.
const MaxFile = 1 << 20

// Span is a range of bytes in the document; the zero span is nowhere.
type Span struct{ start, end int }

// Doc is a document that has been decoded, and the mistakes found in it.
type Doc struct {
	File string         // its name in messages
	Tree map[string]any // as go-toml decodes it

	text   []byte
	places places
	errs   Errors
}

// ReadFile gives a file's text. Its errors are Errors, without a place.
func ReadFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, Errors{{File: file, Message: "cannot be read: " + reasonOf(err)}}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, Errors{{File: file, Message: "cannot be read: " + reasonOf(err)}}
	}
	if len(text) > MaxFile {
		return nil, Errors{{File: file, Message: fmt.Sprintf("is over %d bytes: that is no TOML file of ours", MaxFile)}}
	}
	return text, nil
}

func reasonOf(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// Parse decodes a document. What is no TOML is Errors, with its place.
func Parse(file string, text []byte) (*Doc, error) {
	d := &Doc{File: file, text: text}
	if err := toml.Unmarshal(text, &d.Tree); err != nil {
		d.addTOML(err)
		return nil, d.Err()
	}
	d.places = findPlaces(text)
	return d, nil
}

// addTOML takes the decoder's own error: its position, our caret.
func (d *Doc) addTOML(err error) {
	var wrong *toml.DecodeError
	if !errors.As(err, &wrong) {
		d.Addf(Span{}, "%s", err)
		return
	}
	line, column := wrong.Position()
	offset := 0
	for n := 1; n < line && offset < len(d.text); offset++ {
		if d.text[offset] == '\n' {
			n++
		}
	}
	offset += max(column-1, 0)
	d.Addf(Span{offset, offset + 1}, "%s", strings.TrimPrefix(wrong.Error(), "toml: "))
}

// Sum identifies a document's text.
func Sum(text []byte) [sha256.Size]byte { return sha256.Sum256(text) }

// Key is where the key of path stands; elements of an array are numbers.
func (d *Doc) Key(path ...string) Span { return d.places.key(path...) }

// Value is where its value stands, or else the key.
func (d *Doc) Value(path ...string) Span { return d.places.value(path...) }

// Line is the line of a place, from 1 on; 0 when it is nowhere.
func (d *Doc) Line(at Span) int {
	if at.end == 0 {
		return 0
	}
	line, _, _, _ := locate(d.text, at)
	return line
}

// Addf notes a mistake at a place.
func (d *Doc) Addf(at Span, format string, args ...any) {
	d.errs = append(d.errs, d.Errorf(at, format, args...))
}

// Errorf is a sentence about a place, which is not noted as a mistake.
func (d *Doc) Errorf(at Span, format string, args ...any) *Error {
	e := &Error{File: d.File, Message: fmt.Sprintf(format, args...)}
	if at.end > 0 {
		e.Line, e.Column, e.source, e.width = locate(d.text, at)
	}
	return e
}

// Err gives the mistakes in the order of their places; nil when there are none.
func (d *Doc) Err() error {
	if len(d.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return d.errs
}

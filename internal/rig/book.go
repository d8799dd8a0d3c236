package rig

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

const tailLines = 15

// Record is one line of the daemon's JSON log.
type Record map[string]any

// Text is a member as text; "" when it is absent or no string.
func (r Record) Text(key string) string {
	s, _ := r[key].(string)
	return s
}

// Message is the whole message, a traceback's with all of its lines.
func (r Record) Message() string { return r.Text("@message") }

// Book keeps what a daemon logged, line by line.
type Book struct {
	mu      sync.Mutex
	partial []byte
	lines   []string
	records []Record
	loose   []string // lines that are no JSON object
}

func newBook() *Book { return &Book{} }

// Write takes the daemon's output as it comes.
func (b *Book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.partial = append(b.partial, p...)
	for {
		line, rest, found := bytes.Cut(b.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		b.lines = append(b.lines, string(line))
		var r Record
		if json.Unmarshal(line, &r) == nil {
			b.records = append(b.records, r)
		} else if len(bytes.TrimSpace(line)) > 0 {
			b.loose = append(b.loose, string(line))
		}
		b.partial = append([]byte(nil), rest...)
	}
}

// Find gives the records that match.
func (b *Book) Find(match func(Record) bool) []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Record
	for _, r := range b.records {
		if match(r) {
			out = append(out, r)
		}
	}
	return out
}

// readIn is how long a line that a daemon has written may take to be read: an
// answer may be here before the log line that was written before it.
const readIn = 10 * time.Second

// Await is Find that waits until there are at least n such records, or long
// enough.
func (b *Book) Await(n int, match func(Record) bool) (found []Record) {
	Until(readIn, func() bool {
		found = b.Find(match)
		return len(found) >= n
	})
	return found
}

// Loose are the lines that were no records.
func (b *Book) Loose() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.loose...)
}

// Races says whether the race detector spoke.
func (b *Book) Races() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		if strings.Contains(line, "WARNING: DATA RACE") {
			return true
		}
	}
	return false
}

// Tail is the end of the log, for a person.
func (b *Book) Tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines[max(0, len(b.lines)-tailLines):], "\n")
}

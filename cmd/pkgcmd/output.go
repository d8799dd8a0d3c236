package pkgcmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/internal/logs"
)

// logger is what the private daemon tells its story to. Told a level, it is the
// daemon's log. Without one a person wants what his functions print, as they
// print it; what goes wrong is told by the call that it goes wrong for.
func (o *options) logger() (log hclog.Logger, end func() error) {
	if o.logLevel != "" {
		log, lines := logs.New(logs.Options{Level: o.logLevel, Format: logs.FormatText, Output: os.Stderr})
		return log, lines.Close
	}
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Info, JSONFormat: true, Output: printed{o.err}}), func() error { return nil }
}

// printed passes on what workers printed, and nothing else of the log. hclog
// writes a record at a time.
type printed struct{ to io.Writer }

// Write never fails: a reader that is gone must not end a worker's log.
func (p printed) Write(record []byte) (int, error) {
	var r struct {
		Event   string `json:"event"`
		Message string `json:"@message"`
		Text    string `json:"text"` // all of a message that has several lines
	}
	if json.Unmarshal(record, &r) == nil && r.Event == "worker_log" {
		fmt.Fprintln(p.to, cmp.Or(r.Text, r.Message))
	}
	return len(record), nil
}

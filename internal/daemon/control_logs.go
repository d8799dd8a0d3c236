package daemon

import (
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// LogLine is a record of mochi.logs: a line that a worker wrote, or a traceback,
// which is one record however many lines it has.
type LogLine struct {
	At         time.Time `json:"at"`
	Pool       string    `json:"pool"`
	Slot       int       `json:"slot"`
	PID        int       `json:"pid"`
	Generation int       `json:"generation"`
	Level      string    `json:"level"`
	Stream     string    `json:"stream"`
	Logger     string    `json:"logger,omitempty"`
	RequestID  string    `json:"request_id,omitempty"`
	Function   string    `json:"function,omitempty"`
	TraceID    string    `json:"trace_id,omitempty"`
	Message    string    `json:"message"`
	Dropped    int       `json:"dropped,omitempty"` // lines lost just before this one
}

// LogRecords is mochi.logs without follow.
type LogRecords struct {
	Records []LogLine `json:"records"`
}

// lineOverhead is about what a record holds beside its text.
const lineOverhead = 256

func (l LogLine) size() int {
	return len(l.Message) + len(l.Logger) + len(l.RequestID) + len(l.Function) + lineOverhead
}

func logLine(e supervisor.Logged) LogLine {
	r := e.Record
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}
	return LogLine{
		At: at, Pool: e.Pool, Slot: e.Slot, PID: e.PID, Generation: e.Gen, Level: orInfo(r.Level), Stream: r.Stream,
		Logger: r.Logger, RequestID: r.RequestID, Function: r.Function, TraceID: r.TraceID, Message: r.Message, Dropped: r.Dropped,
	}
}

// orInfo is a level by its name here; what has none that we know is info.
func orInfo(level string) string {
	if i := urgency(level); i >= 0 {
		return levels[i]
	}
	return "info"
}

// logsOf is mochi.logs.
func (d *Daemon) logsOf(c *rpc.Call) {
	var q recall
	if err := q.read(c, "pool", "slot", "n", "since", "level", "follow"); err != nil {
		c.Fail(err)
		return
	}
	written := d.memory.logs // of all pools, unless it is one's that are wanted
	if q.Pool != "" {
		m, err := d.remembered(q.Pool, q.Slot)
		if err != nil {
			c.Fail(err)
			return
		}
		written = m.logs
	}
	recallFrom(d, c, &q, written, recalled[LogLine]{
		wants:  func(l LogLine) bool { return q.wants(&l.Slot, l.Level, l.At) },
		answer: func(all []LogLine) any { return LogRecords{Records: all} },
		missed: func(n uint64) any {
			return LogLine{
				At: time.Now(), Pool: q.Pool, Slot: -1, Level: "warning", Stream: "daemon", Dropped: int(n), //nolint:gosec // a count of lines
				Message: tooFast(n, "records"),
			}
		},
	})
}

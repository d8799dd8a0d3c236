package top

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/mochilang/mochi-pyd/internal/cells"
	"github.com/mochilang/mochi-pyd/internal/daemon"
)

// column is one of a table.
type column[R any] struct {
	title string
	spare int  // which goes first when there is no room: the highest; 0 stays
	right bool // numbers stand right
	// grow: the cell is drawn as wide as there is room for, up to a minute's bars.
	grow func(p *Past, row R, width int) string
	cell func(p *Past, row R) string
	// shorter makes a cell that has no room fit; without it, its end is cut.
	shorter func(row R, width int) string
	tone    func(p *Past, row R) tone
	less    func(p *Past, a, b R) int // nil: nothing to sort by
	down    bool                      // the most interesting are the highest
	most    int                       // characters; 0 for as many as it takes
}

// nameMost bounds a name's column: the figures beside it are what is looked at.
const nameMost = 28

type (
	poolRow   = daemon.PoolStatus
	workerRow = daemon.WorkerStatus
)

var poolColumns = []column[poolRow]{
	{
		title: "POOL", most: nameMost,
		cell: func(_ *Past, r poolRow) string { return r.Pool },
		less: func(_ *Past, a, b poolRow) int { return strings.Compare(a.Pool, b.Pool) },
	},
	{
		title: "STATUS",
		cell:  func(_ *Past, r poolRow) string { return r.Status },
		tone:  poolTone,
		less:  func(_ *Past, a, b poolRow) int { return strings.Compare(a.Status, b.Status) },
	},
	{
		title: "WORKERS", spare: 1, right: true, down: true,
		cell: func(_ *Past, r poolRow) string { return cells.Workers(r) },
		less: func(_ *Past, a, b poolRow) int { return cmp.Compare(a.WorkersReady, b.WorkersReady) },
	},
	{
		title: "BUSY", spare: 3, right: true, down: true,
		cell: func(_ *Past, r poolRow) string { return fmt.Sprint(r.Busy) },
		less: func(_ *Past, a, b poolRow) int { return cmp.Compare(a.Busy, b.Busy) },
	},
	{
		title: "QUEUE", spare: 2, right: true, down: true,
		cell: func(_ *Past, r poolRow) string { return fmt.Sprint(r.Queue) },
		tone: func(_ *Past, r poolRow) tone { return warnIf(r.Queue > 0) },
		less: func(_ *Past, a, b poolRow) int { return cmp.Compare(a.Queue, b.Queue) },
	},
	{
		title: "CALLS/S", right: true, down: true,
		cell: func(_ *Past, r poolRow) string { return cells.Rate(r.CallsPerSecond) },
		less: func(_ *Past, a, b poolRow) int { return cmp.Compare(a.CallsPerSecond, b.CallsPerSecond) },
	},
	{
		title: "LAST MINUTE", spare: 6,
		grow: func(p *Past, r poolRow, width int) string { return p.rates(r.Pool, width) },
		tone: func(*Past, poolRow) tone { return toneGood },
	},
	{
		title: "P95", spare: 2, right: true, down: true,
		cell: func(_ *Past, r poolRow) string { return cells.MS(r.P95MS) },
		less: func(_ *Past, a, b poolRow) int { return cmp.Compare(a.P95MS, b.P95MS) },
	},
	{
		title: "ITS MINUTE", spare: 9,
		grow: func(p *Past, r poolRow, width int) string { return p.p95s(r.Pool, width) },
		tone: func(*Past, poolRow) tone { return toneWarn },
	},
	{
		title: "ERR%", spare: 4, right: true, down: true,
		cell: func(_ *Past, r poolRow) string { return cells.Percent(r.Errors, r.Calls) },
		tone: func(_ *Past, r poolRow) tone { return warnIf(r.Errors*100 > r.Calls) },
		less: func(_ *Past, a, b poolRow) int { return cmp.Compare(failed(a), failed(b)) },
	},
	{
		title: "RESTARTS", spare: 7, right: true, down: true,
		cell: func(_ *Past, r poolRow) string { return fmt.Sprint(r.Restarts) },
		tone: func(_ *Past, r poolRow) tone { return warnIf(r.Restarts > 0) },
		less: func(_ *Past, a, b poolRow) int { return cmp.Compare(a.Restarts, b.Restarts) },
	},
	{
		title: "AGE", spare: 8, right: true, down: true,
		cell: func(_ *Past, r poolRow) string { return cells.Age(cells.FromMS(r.AgeMS)) },
		less: func(_ *Past, a, b poolRow) int { return cmp.Compare(a.AgeMS, b.AgeMS) },
	},
}

var workerColumns = []column[workerRow]{
	{
		title: "WORKER", most: nameMost,
		cell: func(_ *Past, r workerRow) string { return cells.Worker(r) },
		less: byName,
	},
	{
		title: "PID", spare: 5, right: true,
		cell: func(_ *Past, r workerRow) string { return live(r, fmt.Sprint(r.PID)) },
		less: func(_ *Past, a, b workerRow) int { return cmp.Compare(a.PID, b.PID) },
	},
	{
		title: "STATE",
		cell:  func(_ *Past, r workerRow) string { return r.State },
		tone:  workerTone,
		less:  func(_ *Past, a, b workerRow) int { return strings.Compare(a.State, b.State) },
	},
	{
		title: "AGE", spare: 7, right: true, down: true,
		cell: func(_ *Past, r workerRow) string { return live(r, cells.Age(cells.FromMS(r.AgeMS))) },
		less: func(_ *Past, a, b workerRow) int { return cmp.Compare(a.AgeMS, b.AgeMS) },
	},
	{
		title: "CALLS", spare: 6, right: true, down: true,
		cell: func(_ *Past, r workerRow) string { return live(r, cells.Count(r.Calls)) },
		less: func(_ *Past, a, b workerRow) int { return cmp.Compare(a.Calls, b.Calls) },
	},
	{
		title: "RESTARTS", spare: 8, right: true, down: true,
		cell: func(_ *Past, r workerRow) string { return fmt.Sprint(r.Restarts) },
		less: func(_ *Past, a, b workerRow) int { return cmp.Compare(a.Restarts, b.Restarts) },
	},
	{
		title: "CPU%", spare: 2, right: true, down: true,
		cell: func(p *Past, r workerRow) string { return live(r, fmt.Sprintf("%.1f", p.percent(r))) },
		less: func(p *Past, a, b workerRow) int { return cmp.Compare(p.percent(a), p.percent(b)) },
	},
	{
		title: "MEM", spare: 3, right: true, down: true,
		cell: func(_ *Past, r workerRow) string { return live(r, cells.Size(r.RSSBytes)) },
		less: func(_ *Past, a, b workerRow) int { return cmp.Compare(a.RSSBytes, b.RSSBytes) },
	},
	{
		title: "LAST-EXIT", spare: 4, down: true, most: nameMost,
		cell: func(_ *Past, r workerRow) string { return cells.LastExit(r.LastExit) },
		tone: exitTone,
		less: func(_ *Past, a, b workerRow) int { return cmp.Compare(ended(a), ended(b)) },
	},
	{
		title: "NOW", down: true,
		cell:    func(_ *Past, r workerRow) string { return cells.Now(r.Now) },
		shorter: func(r workerRow, width int) string { return nowIn(r, width) },
		less:    func(_ *Past, a, b workerRow) int { return cmp.Compare(running(a), running(b)) },
	},
}

// live is the cell of a worker that is there.
func live(r workerRow, cell string) string {
	if r.PID == 0 {
		return cells.None
	}
	return cell
}

func byName(_ *Past, a, b workerRow) int {
	return cmp.Or(strings.Compare(a.Pool, b.Pool), cmp.Compare(a.Slot, b.Slot))
}

func failed(r poolRow) float64 { return float64(r.Errors) / float64(max(r.Calls, 1)) }

// ended is when the worker before ended, in an order: none is the longest ago.
func ended(r workerRow) int64 {
	if r.LastExit == nil {
		return 0
	}
	return r.LastExit.At.UnixNano()
}

func running(r workerRow) int64 {
	if r.Now == nil {
		return -1
	}
	return r.Now.RunningMS
}

// nowIn is cells.Now where there is only so much room: for how long is what one
// looks for, and the end of a dotted name says more than its beginning.
func nowIn(r workerRow, width int) string {
	if r.Now == nil {
		return cells.None
	}
	what, took := cells.Running(r.Now)
	what = cells.Line(what)
	room, cut := width-ansi.StringWidth(" "+took), what
	for over := ansi.StringWidth(what) - room; ansi.StringWidth(cut) > max(room, 1); over++ { // half of a wide character is none
		cut = ansi.TruncateLeft(what, over+1, "…")
	}
	return cut + " " + took
}

func warnIf(so bool) tone {
	if so {
		return toneWarn
	}
	return toneNone
}

func poolTone(_ *Past, r poolRow) tone {
	switch r.Status {
	case "open":
		return toneGood
	case "broken", "closed":
		return toneBad
	}
	return toneWarn
}

func workerTone(_ *Past, r workerRow) tone {
	switch r.State {
	case "ready":
		return toneGood
	case "dead":
		return toneBad
	case "spare":
		return toneDim
	}
	return toneWarn
}

// exitTone: an end that nobody planned is what one looks for.
func exitTone(_ *Past, r workerRow) tone {
	switch {
	case r.LastExit == nil:
		return toneDim
	case r.LastExit.Signal != nil && r.LastExit.Reason == "signal", r.LastExit.Reason == "oom", r.LastExit.Reason == "exit":
		return toneBad
	}
	return toneNone
}

package top

import (
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mochilang/mochi-pyd/internal/cells"
	"github.com/mochilang/mochi-pyd/rpc"
)

const (
	// bothFrom is the height from which both tables are drawn; below, the one that
	// has the keys.
	bothFrom = 12
	// logFrom is the height from which there is room for log lines, too.
	logFrom = 9
	// logShare is the part of the height that the log pane takes.
	logShare = 3
)

// View draws the screen: never more lines than it has, none wider than it is.
func (m *Model) View() tea.View {
	v := tea.NewView(strings.Join(m.lines(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "mochi-pyd top"
	return v
}

func (m *Model) lines() []string {
	lines := []string{m.header()}
	body := max(m.height-2, 0) // the header, the footer
	switch {
	case m.help:
		lines = append(lines, m.helpLines(body)...)
	case m.seen.IsZero():
		lines = append(lines, "", "  "+m.waiting())
	default:
		lines = append(lines, m.body(body)...)
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(min(len(lines), m.height-1), 0)], m.footer())
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, m.width, "…")
	}
	return lines
}

func (m *Model) waiting() string {
	if m.trouble != nil {
		return m.pal.paint(toneBad, cells.Line(sentence(m.trouble)))
	}
	return m.pal.paint(toneDim, "asking the daemon …")
}

// body is the tables, and the log pane.
func (m *Model) body(height int) []string {
	var log []string
	if m.logs != nil && height >= logFrom {
		log = m.logLines(height / logShare)
		height -= len(log)
	}
	var lines []string
	if height >= bothFrom {
		// The pools get what they need up to a third; the workers the rest.
		rows := min(len(m.pools.rows)+1, max(height/3, 4))
		lines = m.pools.render(&m.past, m.pal, m.width, rows, m.onPools)
		if cause := m.cause(); cause != "" {
			lines = append(lines, m.pal.paint(toneBad, cause))
		}
		rest := height - len(lines) - 1
		workers := m.workers.render(&m.past, m.pal, m.width, rest, !m.onPools)
		where := strings.TrimLeft(m.pools.position("pools", rows)+"   "+m.workers.position("workers", rest), " ")
		lines = append(append(lines, m.pal.paint(toneDim, where)), workers...)
	} else if m.onPools {
		lines = m.pools.render(&m.past, m.pal, m.width, height, true)
	} else {
		lines = m.workers.render(&m.past, m.pal, m.width, height, true)
	}
	for len(log) > 0 && len(lines) < height {
		lines = append(lines, "")
	}
	if m.stale() {
		for i, line := range lines {
			lines[i] = m.pal.paint(toneDim, ansi.Strip(line))
		}
	}
	return append(lines, log...)
}

// stale says whether what is shown is older than it should be.
func (m *Model) stale() bool {
	return m.trouble != nil || !m.paused && time.Since(m.seen) > late
}

// cause is why a pool cannot serve: of the selected one, else of the first.
func (m *Model) cause() string {
	var text string
	for _, r := range m.pools.rows {
		if r.Cause == nil {
			continue
		}
		if chosen := m.onPools && r.Pool == m.pools.selected; text == "" || chosen {
			text = cells.Line(r.Pool + ": " + r.Cause.Message)
		}
	}
	return text
}

func (m *Model) header() string {
	d := m.now.Status.Daemon
	parts := []string{m.pal.paint(toneTitle, "mochi-pyd top")}
	if m.seen.IsZero() {
		return parts[0]
	}
	switch {
	case m.stale():
		text := "no answer for " + cells.Age(time.Since(m.seen))
		if m.trouble != nil {
			text += ", trying again: " + cells.Line(sentence(m.trouble))
		}
		parts = append(parts, m.pal.paint(toneBad, text))
	case d.Status != "serving":
		parts = append(parts, m.pal.paint(toneWarn, cells.Line(d.Status)))
	default:
		parts = append(parts, m.pal.paint(toneGood, "serving"))
	}
	if m.paused {
		parts = append(parts, m.pal.paint(toneWarn, "paused"))
	}
	// What one must not overlook stands before what a narrow screen cuts.
	if m.filter != "" && !m.typing {
		parts = append(parts, m.pal.paint(toneKey, "only "+cells.Line(m.filter)))
	}
	if d.ConfigDiffers {
		parts = append(parts, m.pal.paint(toneWarn, "config changed on disk"))
	}
	ready, desired, rate := 0, 0, 0.0
	for _, p := range m.now.Status.Pools {
		ready, desired, rate = ready+p.WorkersReady, desired+p.WorkersDesired, rate+p.CallsPerSecond
	}
	parts = append(parts,
		"up "+cells.Age(cells.FromMS(d.UptimeMS)),
		cells.Plural(len(m.now.Status.Pools), "pool"),
		fmt.Sprintf("%d/%d workers", ready, desired),
		cells.Rate(rate)+" calls/s",
		cells.Plural(d.Connections, "host"),
		fmt.Sprintf("pid %d", d.PID),
		cells.Line(d.Version),
	)
	return strings.Join(parts, "  ")
}

// footer is a question, a notice, or the keys.
func (m *Model) footer() string {
	switch {
	case m.confirm != nil:
		what := "worker " + cells.Line(m.confirm.String())
		if m.confirm.Slot == wholePool {
			what = "all workers of " + cells.Line(m.confirm.Pool)
		}
		return m.pal.paint(toneWarn, "restart "+what+"? ") + m.pal.paint(toneKey, "y/N") + m.pal.paint(toneDim, "  each successor is ready first")
	case m.typing:
		return m.pal.paint(toneKey, "/") + cells.Line(m.filter) + m.pal.paint(toneSelected, " ") + m.pal.paint(toneDim, "  Enter keeps it, Esc shows all")
	case m.notice != "" && time.Now().Before(m.until):
		tone := toneGood
		if m.badNews {
			tone = toneBad
		}
		return m.pal.paint(tone, cells.Line(m.notice))
	}
	var b strings.Builder
	for _, k := range [][2]string{{"q", "quit"}, {"?", "help"}, {"Tab", "pools/workers"}, {"s", "sort"}, {"R", "restart"}, {"l", "logs"}, {"/", "filter"}, {"p", "pause"}} {
		b.WriteString(m.pal.paint(toneKey, k[0]) + " " + m.pal.paint(toneDim, k[1]) + "  ")
	}
	return strings.TrimRight(b.String(), " ")
}

func (m *Model) helpLines(height int) []string {
	wide := 0
	for _, h := range help {
		wide = max(wide, ansi.StringWidth(h[0]))
	}
	lines := []string{""}
	for _, h := range help {
		lines = append(lines, "  "+m.pal.paint(toneKey, pad(h[0], wide, false, false))+"  "+h[1])
	}
	return lines[:min(len(lines), height)]
}

// logLines is the log pane: the newest lines that fit.
func (m *Model) logLines(height int) []string {
	head := m.pal.paint(toneTitle, "LOG "+cells.Line(m.logs.of.String()))
	var lines []string
	switch {
	case m.logs.err != nil:
		lines = []string{m.pal.paint(toneWarn, cells.Line(sentence(m.logs.err)))}
	case len(m.logs.lines) == 0 && m.logs.asked:
		lines = []string{m.pal.paint(toneDim, "asking …")}
	case len(m.logs.lines) == 0:
		lines = []string{m.pal.paint(toneDim, "nothing yet")}
	default:
		for _, l := range m.logs.lines[max(0, len(m.logs.lines)-(height-1)):] {
			lines = append(lines, cells.Line(l))
		}
	}
	lines = append([]string{head}, lines...)
	for len(lines) < height { // the tables above stay where they are, whoever is selected
		lines = append(lines, "")
	}
	return lines
}

// sentence is what an error says: of the daemon's, what it answered.
func sentence(err error) string {
	var remote *rpc.Error
	if errors.As(err, &remote) {
		return remote.Message
	}
	return err.Error()
}

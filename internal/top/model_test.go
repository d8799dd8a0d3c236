package top

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/rpc"
)

// script is a Source that says what it is told to.
type script struct {
	restarted []Target
	lines     []string
	err       error
}

func (s *script) Look(context.Context) (Snapshot, error) { return Snapshot{}, s.err }

func (s *script) Restart(_ context.Context, t Target) (int, error) {
	s.restarted = append(s.restarted, t)
	return 2, s.err
}

func (s *script) Logs(context.Context, Target, int) ([]string, error) { return s.lines, s.err }

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// look is the daemon after so many seconds: a busy pool and an idle one.
func look(second int) Snapshot {
	signal := "SIGSEGV"
	return Snapshot{
		At: start.Add(time.Duration(second) * time.Second),
		Status: daemon.Status{
			Daemon: daemon.DaemonStatus{PID: 7, Version: "v1.2.3", Status: "serving", Connections: 2, UptimeMS: 60_000},
			Pools: []daemon.PoolStatus{
				{Pool: "numpy", Module: "numpy", Status: "open", WorkersReady: 2, WorkersDesired: 2, Busy: 1, Calls: uint64(second) * 100, CallsPerSecond: 100, P95MS: 3}, //nolint:gosec // small
				{Pool: "app", Module: "app", Status: "degraded", WorkersReady: 1, WorkersDesired: 2, Queue: 3, Restarts: 4},
			},
		},
		Workers: []daemon.WorkerStatus{
			{Pool: "numpy", Slot: 0, PID: 100, State: "ready", Calls: 10, RSSBytes: 5 << 20, CPUPercent: 50, AgeMS: int64(second) * 1000, Now: &daemon.Now{Function: "linalg.svd", RunningMS: 4200}},
			{Pool: "numpy", Slot: 1, PID: 101, State: "ready", Calls: 90, RSSBytes: 9 << 20},
			{Pool: "app", Slot: 0, State: "dead", LastExit: &daemon.ExitStatus{Reason: "signal", Signal: &signal, At: time.Now().Add(-5 * time.Second)}},
		},
	}
}

func shown(t *testing.T, source Source) *Model {
	t.Helper()
	m := NewModel(t.Context(), source, true)
	m.Update(tea.WindowSizeMsg{Width: 160, Height: 30})
	m.Update(looked{snapshot: look(1)})
	m.Update(looked{snapshot: look(2)})
	return m
}

// press sends keys by name, and does at once what they ask for.
func press(t *testing.T, m *Model, names ...string) {
	t.Helper()
	special := map[string]rune{"tab": tea.KeyTab, "esc": tea.KeyEscape, "enter": tea.KeyEnter, "backspace": tea.KeyBackspace, "down": tea.KeyDown, "up": tea.KeyUp, "end": tea.KeyEnd}
	for _, name := range names {
		k := tea.Key{Text: name, Code: []rune(name)[0]}
		if code, ok := special[name]; ok {
			k = tea.Key{Code: code}
		}
		if _, cmd := m.Update(tea.KeyPressMsg(k)); cmd != nil {
			if msg := cmd(); msg != nil {
				m.Update(msg)
			}
		}
	}
}

func screen(m *Model) string { return ansi.Strip(m.View().Content) }

func mustShow(t *testing.T, m *Model, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if s := screen(m); !strings.Contains(s, want) {
			t.Fatalf("the screen does not show %q:\n%s", want, s)
		}
	}
}

func mustNotShow(t *testing.T, m *Model, unwanted string) {
	t.Helper()
	if s := screen(m); strings.Contains(s, unwanted) {
		t.Fatalf("the screen shows %q:\n%s", unwanted, s)
	}
}

// order is where the texts stand on the screen, from above.
func order(t *testing.T, m *Model, texts ...string) {
	t.Helper()
	s, last := screen(m), -1
	for _, text := range texts {
		at := strings.Index(s, text)
		if at <= last {
			t.Fatalf("%q does not stand below those before it of %q:\n%s", text, texts, s)
		}
		last = at
	}
}

func TestItShowsWhatRunsNowAndWhyTheLastOneEnded(t *testing.T) {
	m := shown(t, &script{})
	mustShow(t, m, "serving", "2 pools", "3/4 workers", "numpy", "degraded", "3.0ms", "linalg.svd 4.2s", "SIGSEGV 5s ago", "5.0MiB")
}

func TestItNeverDrawsMoreThanTheScreenHas(t *testing.T) {
	s := look(3)
	s.Workers[0].Now.Function = strings.Repeat("名前", 500)
	for i := range 64 {
		s.Workers = append(s.Workers, daemon.WorkerStatus{Pool: strings.Repeat("p", 40), Slot: i, PID: i + 1000, State: "ready"})
	}
	m := shown(t, &script{lines: []string{strings.Repeat("wide ", 200)}})
	for _, keys := range [][]string{{}, {"l"}, {"?"}, {"tab", "end"}, {"R"}} {
		m.Update(looked{snapshot: s})
		press(t, m, keys...)
		for width := 1; width <= 240; width += 7 {
			for height := 1; height <= 60; height += 3 {
				m.Update(tea.WindowSizeMsg{Width: width, Height: height})
				lines := strings.Split(m.View().Content, "\n")
				if len(lines) > height {
					t.Fatalf("%d lines on a screen of %d (after %q)", len(lines), height, keys)
				}
				for _, line := range lines {
					if w := ansi.StringWidth(line); w > width {
						t.Fatalf("a line of %d on a screen of %d (after %q): %q", w, width, keys, line)
					}
				}
			}
		}
	}
}

func TestWhatAWorkerSaysSteersNoTerminal(t *testing.T) {
	evil := "f\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\nnext\trow"
	s := look(3)
	s.Workers[0].Now.Function = evil
	s.Workers[0].State, s.Status.Pools[0].Pool, s.Status.Daemon.Version = evil, evil, evil
	m := shown(t, &script{lines: []string{evil}})
	m.Update(looked{snapshot: s})
	press(t, m, "l", "tab", "l")
	m.Update(restarted{err: errors.New(evil)})
	content := m.View().Content
	for _, bad := range []string{"\x1b]", "\x07", "\x1b[2J", "\u009b", "\u202e", "\t"} {
		if strings.Contains(content, bad) {
			t.Errorf("the screen holds %q", bad)
		}
	}
}

func TestWithoutColoursThereAreNone(t *testing.T) {
	m := shown(t, &script{})
	m.pal.colors = false
	press(t, m, "R")
	for _, sgr := range strings.Split(m.View().Content, "\x1b[")[1:] {
		code, _, _ := strings.Cut(sgr, "m")
		for part := range strings.SplitSeq(code, ";") {
			if len(part) == 2 && (part[0] == '3' || part[0] == '4') {
				t.Fatalf("a colour: %q", code)
			}
		}
	}
}

func TestThatAPoolIsBrokenIsSaidWithTheReason(t *testing.T) {
	s := look(3)
	s.Status.Pools[1].Status, s.Status.Pools[1].Cause = "broken", rpc.Errorf(rpc.KindImportFailed, "importing app failed: no module\x1b[2J named app")
	m := shown(t, &script{})
	m.Update(looked{snapshot: s})
	mustShow(t, m, "app: importing app failed: no module")
	mustNotShow(t, m, "\x1b[2J")
}

func TestADaemonThatDoesNotAnswerIsSaidBeforeItsTimeIsOver(t *testing.T) {
	m := shown(t, &script{})
	m.Update(due{})
	mustShow(t, m, "serving")
	m.seen = m.seen.Add(-2 * late)
	m.Update(due{})
	mustShow(t, m, "no answer for 6s", "linalg.svd")
	mustNotShow(t, m, "serving")
}

func TestRestartWantsAYes(t *testing.T) {
	source := &script{}
	m := shown(t, source)
	press(t, m, "R")
	mustShow(t, m, "restart worker app/0", "y/N")
	press(t, m, "n")
	mustNotShow(t, m, "y/N")
	if len(source.restarted) > 0 {
		t.Fatalf("restarted %v after a no", source.restarted)
	}
	press(t, m, "tab", "down", "R")
	mustShow(t, m, "restart all workers of numpy")
	press(t, m, "y")
	if fmt.Sprint(source.restarted) != "[numpy]" {
		t.Errorf("restarted %v", source.restarted)
	}
	mustShow(t, m, "2 workers of numpy being replaced")

	source.err = errors.New("it drains")
	press(t, m, "R", "y")
	mustShow(t, m, "not restarted: it drains")
}

func TestTheFilterKeepsWhatHoldsItsText(t *testing.T) {
	m := shown(t, &script{})
	press(t, m, "/", "S", "V", "D", "x", "backspace", "enter")
	mustShow(t, m, "only SVD", "numpy/0")
	mustNotShow(t, m, "numpy/1")
	press(t, m, "/", "q") // a q of the filter leaves nothing
	mustShow(t, m, "/SVDq")
	press(t, m, "esc")
	mustShow(t, m, "numpy/1", "app/0")
}

func TestADaemonThatIsGoneIsSaidAndItsFiguresStay(t *testing.T) {
	m := shown(t, &script{})
	m.Update(looked{err: errors.New("the daemon went away")})
	mustShow(t, m, "trying again: the daemon went away", "linalg.svd")

	again := look(9)
	again.Status.Daemon.PID = 8
	m.Update(looked{snapshot: again})
	mustShow(t, m, "the daemon was started anew", "serving")
	if n := len(m.past.pools["numpy"].rate); n != 0 {
		t.Errorf("%d seconds of the daemon before", n)
	}
}

func TestAPauseStandsStillAndAsksNothing(t *testing.T) {
	m := shown(t, &script{})
	press(t, m, "p")
	if m.Update(due{}); m.asking {
		t.Error("it asks in a pause")
	}
	s := look(3)
	s.Workers[0].Now.Function = "other"
	m.Update(looked{snapshot: s}) // asked before the pause
	mustShow(t, m, "paused", "linalg.svd")
	if cmd := m.command("p"); cmd == nil {
		t.Error("it does not go on")
	}
	if cmd := m.look(); cmd != nil {
		t.Error("it asks twice at once")
	}
	m.Update(looked{snapshot: s})
	mustShow(t, m, "other")
}

func TestLogLinesFollowTheSelection(t *testing.T) {
	source := &script{lines: []string{"one", "Traceback", "    ValueError"}}
	m := shown(t, source)
	press(t, m, "l")
	mustShow(t, m, "LOG app/0", "ValueError")
	press(t, m, "down")
	mustShow(t, m, "LOG numpy/0")
	source.err = errNoLogs
	press(t, m, "down")
	mustShow(t, m, "LOG numpy/1", "keeps no log lines")
	press(t, m, "l")
	mustNotShow(t, m, "LOG")
}

func TestHelpNamesTheKeys(t *testing.T) {
	m := shown(t, &script{})
	press(t, m, "?")
	mustShow(t, m, "sort by the next column", "restart", "leave")
	for _, line := range m.helpLines(22) {
		if w := ansi.StringWidth(line); w > 80 {
			t.Errorf("%d columns, where most terminals have 80: %q", w, line)
		}
	}
	press(t, m, "q") // closes the help, and leaves nothing
	mustShow(t, m, "numpy/0")
}

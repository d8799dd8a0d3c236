package top

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mochilang/mochi-pyd/internal/cells"
)

const (
	// every is how often the daemon is asked.
	every = time.Second
	// late is an answer after which the figures are told to be old.
	late = 3 * every
	// said is how long a notice stays.
	said = 8 * time.Second
	// logsKept is how many lines the log pane asks for.
	logsKept = 200
)

// Model is the state of the screen.
type Model struct {
	ctx    context.Context
	source Source
	pal    palette

	width, height int

	now     Snapshot
	seen    time.Time // when it came
	past    Past
	trouble error // why the last look failed; what is shown is older then
	asking  bool
	paused  bool

	interrupted bool // left by ctrl-C

	pools   table[poolRow]
	workers table[workerRow]
	onPools bool // which of the two has the keys

	filter  string
	typing  bool
	confirm *Target // what R was pressed on
	help    bool
	notice  string
	badNews bool // the notice is
	until   time.Time

	logs *logPane
}

// logPane is what stands under the tables after l.
type logPane struct {
	of    Target
	lines []string
	err   error
	asked bool // no answer yet
}

// NewModel shows what source tells, in colours or without.
func NewModel(ctx context.Context, source Source, colors bool) *Model {
	return &Model{
		ctx: ctx, source: source, pal: palette{colors},
		width: 80, height: 24,
		pools:   table[poolRow]{columns: poolColumns, key: func(r poolRow) string { return r.Pool }},
		workers: table[workerRow]{columns: workerColumns, key: cells.Worker},
	}
}

// What the model is sent.
type (
	looked struct {
		snapshot Snapshot
		err      error
	}
	due       struct{}
	restarted struct {
		of      Target
		workers int
		err     error
	}
	logged struct {
		of    Target
		lines []string
		err   error
	}
)

// Init asks for the first time, and sets the clock.
func (m *Model) Init() tea.Cmd { return tea.Batch(m.look(), tick()) }

// tick is the view's clock. It goes on in a pause and while an answer is awaited:
// notices end, and a daemon that is slow to answer is told of.
func tick() tea.Cmd { return tea.Tick(every, func(time.Time) tea.Msg { return due{} }) }

// Update takes a message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		if m.typing {
			m.narrow(m.filter + cells.Line(msg.Content))
		}
	case looked:
		return m, m.took(msg)
	case due:
		if m.paused {
			return m, tick()
		}
		return m, tea.Batch(m.look(), tick())
	case restarted:
		if msg.err != nil {
			m.say(true, "not restarted: "+sentence(msg.err))
			break
		}
		m.say(false, cells.Plural(msg.workers, "worker")+" of "+msg.of.Pool+" being replaced")
	case logged:
		if m.logs != nil && m.logs.of == msg.of {
			m.logs.lines, m.logs.err, m.logs.asked = msg.lines, msg.err, false
		}
	}
	return m, nil
}

// look asks the daemon, unless an answer is awaited.
func (m *Model) look() tea.Cmd {
	if m.asking {
		return nil
	}
	m.asking = true
	ctx, source := m.ctx, m.source
	return func() tea.Msg {
		s, err := source.Look(ctx)
		return looked{s, err}
	}
}

// took shows an answer.
func (m *Model) took(l looked) tea.Cmd {
	m.asking = false
	if m.paused { // it was asked before
		return nil
	}
	before := m.trouble
	if m.trouble = l.err; l.err != nil {
		return nil
	}
	switch was := m.now.Status.Daemon; {
	case was.PID != 0 && anew(was, l.snapshot.Status.Daemon):
		m.say(false, "the daemon was started anew: its counts begin at 0")
	case before != nil && was.PID != 0:
		m.say(false, "connected again")
	}
	m.now, m.seen = l.snapshot, time.Now()
	m.past.Add(m.now)
	m.fill()
	if m.logs != nil {
		return m.readLogs()
	}
	return nil
}

// fill puts what is known into the tables.
func (m *Model) fill() {
	m.pools.set(&m.past, m.now.Status.Pools, func(r poolRow) bool {
		return m.matches(r.Pool, r.Module, r.Status)
	})
	m.workers.set(&m.past, m.now.Workers, func(r workerRow) bool {
		words := []string{cells.Worker(r), r.State, cells.LastExit(r.LastExit)}
		if r.Now != nil {
			words = append(words, r.Now.Function)
		}
		return m.matches(words...)
	})
}

func (m *Model) matches(words ...string) bool {
	for _, w := range words {
		if strings.Contains(strings.ToLower(w), strings.ToLower(m.filter)) {
			return true
		}
	}
	return false
}

// narrow shows only what holds the text.
func (m *Model) narrow(filter string) {
	m.filter = filter
	m.fill()
}

func (m *Model) say(bad bool, text string) {
	m.notice, m.badNews, m.until = text, bad, time.Now().Add(said)
}

// target is what is selected.
func (m *Model) target() (Target, bool) {
	if m.onPools {
		r, ok := m.pools.chosen()
		return Target{Pool: r.Pool, Slot: wholePool}, ok
	}
	r, ok := m.workers.chosen()
	return Target{Pool: r.Pool, Slot: r.Slot}, ok
}

func (m *Model) restart(t Target) tea.Cmd {
	ctx, source := m.ctx, m.source
	return func() tea.Msg {
		n, err := source.Restart(ctx, t)
		return restarted{t, n, err}
	}
}

func (m *Model) readLogs() tea.Cmd {
	if m.logs.asked {
		return nil
	}
	m.logs.asked = true
	ctx, source, of := m.ctx, m.source, m.logs.of
	return func() tea.Msg {
		lines, err := source.Logs(ctx, of, logsKept)
		return logged{of, lines, err}
	}
}

package top

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// help is what ? shows, and what the keys do.
var help = [][2]string{
	{"↑ ↓ PgUp PgDn Home End", "select (and k j g G); the first row follows the order"},
	{"Tab", "to the pools, to the workers"},
	{"s > <", "sort by the next column, by the one before"},
	{"S", "turn the order round"},
	{"/", "only what holds a text: a pool, a state, a function"},
	{"Esc", "all again"},
	{"R", "restart the selected worker, or pool, after a yes"},
	{"l", "the last log lines of the selected one, until l again"},
	{"p", "stand still; p again goes on"},
	{"?", "this"},
	{"q  ^C", "leave; the daemon goes on"},
}

// key does what a key is for, in the state that the screen is in.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	switch {
	case name == "ctrl+c":
		m.interrupted = true
		return tea.Quit
	case name == "ctrl+z":
		return tea.Suspend
	case m.typing:
		m.typed(k)
		return nil
	case m.confirm != nil:
		target := *m.confirm
		m.confirm = nil
		if name == "y" || name == "Y" {
			return m.restart(target)
		}
		return nil
	case m.help:
		m.help = false // any key
		return nil
	}
	return m.command(name)
}

func (m *Model) command(name string) tea.Cmd {
	switch name {
	case "q":
		return tea.Quit
	case "?", "h":
		m.help = true
	case "tab", "shift+tab":
		m.onPools = !m.onPools
		return m.follow()
	case "s", ">":
		m.focused().next(1)
		m.fill()
	case "<":
		m.focused().next(-1)
		m.fill()
	case "S":
		m.focused().turn()
		m.fill()
	case "/":
		m.typing = true
	case "esc":
		m.logs = nil
		m.narrow("")
	case "R":
		if t, ok := m.target(); ok {
			m.confirm = &t
		}
	case "l":
		if m.logs != nil {
			m.logs = nil
			return nil
		}
		return m.openLogs()
	case "p":
		if m.paused = !m.paused; !m.paused {
			return m.look()
		}
	case "ctrl+l":
		return tea.ClearScreen
	default:
		if by, ok := m.steps(name); ok {
			m.focused().move(by)
			return m.follow()
		}
	}
	return nil
}

// steps is how far down a key moves.
func (m *Model) steps(name string) (int, bool) {
	page := max(m.height/2, 1)
	switch name {
	case "up", "k":
		return -1, true
	case "down", "j":
		return 1, true
	case "pgup":
		return -page, true
	case "pgdown":
		return page, true
	case "home", "g":
		return -len(m.now.Workers) - len(m.now.Status.Pools), true
	case "end", "G":
		return len(m.now.Workers) + len(m.now.Status.Pools), true
	}
	return 0, false
}

// typed takes a key while the filter is written.
func (m *Model) typed(k tea.KeyPressMsg) {
	switch name := k.String(); name {
	case "enter":
		m.typing = false
	case "esc":
		m.typing = false
		m.narrow("")
	case "backspace":
		if r := []rune(m.filter); len(r) > 0 {
			m.narrow(string(r[:len(r)-1]))
		}
	case "ctrl+u":
		m.narrow("")
	default:
		if text := k.Key().Text; text != "" && !strings.ContainsAny(text, "\r\n") {
			m.narrow(m.filter + text)
		}
	}
}

// openLogs shows the lines of what is selected.
func (m *Model) openLogs() tea.Cmd {
	t, ok := m.target()
	if !ok {
		return nil
	}
	m.focused().keep() // whose lines they are stays selected
	m.logs = &logPane{of: t}
	return m.readLogs()
}

// follow lets the log pane show what is selected now.
func (m *Model) follow() tea.Cmd {
	if m.logs == nil {
		return nil
	}
	return m.openLogs()
}

// sorting is what both tables can.
type sorting interface {
	next(step int)
	turn()
	move(by int)
	keep()
}

func (m *Model) focused() sorting {
	if m.onPools {
		return &m.pools
	}
	return &m.workers
}

package config

import (
	"fmt"
	"strings"
)

// The actions of a Step.
const (
	ActionUnchanged = "unchanged"
	ActionChanged   = "changed"
	ActionAdded     = "added"
	ActionRemoved   = "removed"
)

// Step is what a reload does about one pool, or about the daemon (Pool "").
type Step struct {
	Pool    string   `json:"pool,omitempty"`
	Action  string   `json:"action"`
	Changes []Change `json:"changes"`
}

// Plan is what a reload does, the daemon's own step first.
type Plan []Step

// Empty says that nothing has changed.
func (p Plan) Empty() bool {
	for _, s := range p {
		if s.Action != ActionUnchanged {
			return false
		}
	}
	return true
}

// String is the plan in one line, as an operator reads it:
//
//	img: workers 4→6 live, module changed → rolling; pdf unchanged
func (p Plan) String() string {
	var parts, same []string
	for _, s := range p {
		switch {
		case s.Action != ActionUnchanged:
			parts = append(parts, s.String())
		case s.Pool != "":
			same = append(same, s.Pool)
		}
	}
	if len(parts) == 0 && len(same) == 0 {
		return "nothing changed"
	}
	if len(same) > 0 {
		parts = append(parts, strings.Join(same, ", ")+" unchanged")
	}
	return strings.Join(parts, "; ")
}

// String is one pool's part of it.
func (s Step) String() string {
	name := s.Pool
	if name == "" {
		name = string(SectionDaemon)
	}
	switch s.Action {
	case ActionAdded:
		return name + " added → starts"
	case ActionRemoved:
		return name + " removed → drains"
	case ActionUnchanged:
		return name + " unchanged"
	}
	var parts []string
	for _, live := range []bool{true, false} { // what holds at once comes first, here as there
		for _, c := range s.Changes {
			if (c.Apply == ApplyLive) == live {
				parts = append(parts, c.String())
			}
		}
	}
	return name + ": " + strings.Join(parts, ", ")
}

// String is one key's part. Values that fit a line are shown; an environment
// does not, and may hold what is nobody's business.
func (c Change) String() string {
	const shown = 24
	from, to := strings.Trim(c.From, `"`), strings.Trim(c.To, `"`)
	what := c.Key + " changed →"
	if from != "" && to != "" && len(from)+len(to) <= shown && c.Apply == ApplyLive {
		what = fmt.Sprintf("%s %s→%s", c.Key, from, to)
	}
	if c.Apply == ApplyRestart {
		return what + " at the next restart of the daemon"
	}
	return what + " " + string(c.Apply)
}

// Has says that a key among the changes is applied in this way.
func (s Step) Has(how Apply) bool {
	for _, c := range s.Changes {
		if c.Apply == how {
			return true
		}
	}
	return false
}

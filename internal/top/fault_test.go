package top

import (
	"context"
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// TestAFaultAnywhereInTheViewEndsItWithItsPlace: in what is drawn, in what takes
// a message, in a command and in one of several.
func TestAFaultAnywhereInTheViewEndsItWithItsPlace(t *testing.T) {
	drawn := func(*Past, poolRow) string { panic("a fault") }
	taken := func(poolRow) string { panic("a fault") }
	for _, c := range []struct {
		name, place string
		provoke     func(m *Model, g guard)
	}{
		{"view", "render", func(m *Model, g guard) { m.pools.columns[0].cell = drawn; g.View() }},
		{"update", "Update", func(m *Model, g guard) { m.pools.key = taken; g.Update(looked{snapshot: look(4)}) }},
		{"command", "Restart", func(m *Model, g guard) {
			m.confirm = &Target{}
			_, cmd := g.Update(tea.KeyPressMsg(tea.Key{Text: "y", Code: 'y'}))
			cmd()
		}},
		{"one of several", "Look", func(m *Model, g guard) {
			batch, ok := g.Init()().(tea.BatchMsg)
			if !ok {
				t.Fatal("Init asks for one thing")
			}
			batch[0]()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, failed := context.WithCancelCause(t.Context())
			m := shown(t, faulty{})
			m.asking = false
			m.pools.columns = append([]column[poolRow]{}, m.pools.columns...)
			c.provoke(m, guard{m, failed})
			var fault *FaultError
			if !errors.As(context.Cause(ctx), &fault) {
				t.Fatalf("ended with %v", context.Cause(ctx))
			}
			if text := fault.Error(); !strings.Contains(text, "panic: ") || !strings.Contains(text, c.place) {
				t.Errorf("no %s in %s", c.place, text)
			}
		})
	}
}

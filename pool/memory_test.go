package pool

import "testing"

func TestAWorkerHasOutgrownItsLimitOnlyBetweenCalls(t *testing.T) {
	type look struct {
		held             int64
		answered, seated int
		outgrown         bool
	}
	const limit = 100
	for name, looks := range map[string][]look{
		"small":                               {{100, 3, 0, false}, {100, 3, 1, false}},
		"big and idle":                        {{101, 1, 0, true}},
		"big from birth":                      {{101, 0, 0, false}, {101, 0, 1, false}, {101, 1, 0, true}},
		"one long call":                       {{101, 1, 1, false}, {150, 1, 1, false}, {150, 1, 1, false}},
		"busy, and big after the call too":    {{101, 1, 1, false}, {101, 2, 1, true}},
		"busy, and the call gave it back":     {{101, 1, 1, false}, {90, 2, 1, false}, {101, 3, 1, false}},
		"gave it back, then took it for good": {{101, 1, 1, false}, {90, 2, 1, false}, {101, 3, 1, false}, {101, 4, 1, true}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &member{}
			for i, l := range looks {
				m.answered, m.onMain = l.answered, l.seated
				if got := m.outgrown(l.held, limit); got != l.outgrown {
					t.Errorf("look %d at %d bytes: %v, want %v", i, l.held, got, l.outgrown)
				}
			}
		})
	}
}

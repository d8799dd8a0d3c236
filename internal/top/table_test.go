package top

import (
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func TestSortingKeepsWhatIsSelected(t *testing.T) {
	m := shown(t, &script{})
	order(t, m, "app/0", "numpy/0", "numpy/1")
	press(t, m, "down") // numpy/0
	for range 4 {       // PID, STATE, AGE, CALLS
		press(t, m, "s")
	}
	mustShow(t, m, "CALLS↓")
	order(t, m, "numpy/1", "numpy/0", "app/0")
	press(t, m, "S")
	mustShow(t, m, "CALLS↑")
	order(t, m, "app/0", "numpy/0", "numpy/1")
	if got, _ := m.target(); got != (Target{"numpy", 0}) {
		t.Errorf("%v is selected", got)
	}
}

func TestTheFirstRowIsSelectedWhicheverItIsAndAChosenOneStays(t *testing.T) {
	m := shown(t, &script{})
	press(t, m, "<") // NOW
	if got, _ := m.target(); got != (Target{"numpy", 0}) {
		t.Errorf("%v is selected, not the first", got)
	}
	press(t, m, "l") // its lines are shown: it stays
	press(t, m, ">")
	if got, _ := m.target(); got != (Target{"numpy", 0}) {
		t.Errorf("%v is selected, not what was chosen", got)
	}
}

// TestARowThatIsGoneLeavesTheSelectionWhereItWas: with the first row instead, an
// operator far down a list would restart what he does not see.
func TestARowThatIsGoneLeavesTheSelectionWhereItWas(t *testing.T) {
	s := look(3)
	for i := range 64 {
		s.Workers = append(s.Workers, daemon.WorkerStatus{Pool: "zoo", Slot: i, PID: i + 1000, State: "ready"})
	}
	m := shown(t, &script{})
	m.Update(looked{snapshot: s})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	press(t, m, "end", "up", "up")
	mustShow(t, m, "of 67", "zoo/61")
	s.Workers = slices.DeleteFunc(s.Workers, func(w daemon.WorkerStatus) bool { return w.Pool == "zoo" && w.Slot == 61 })
	m.Update(looked{snapshot: s})
	if got, _ := m.target(); got != (Target{"zoo", 62}) {
		t.Errorf("%v is selected", got)
	}
	s.Workers = s.Workers[:3]
	m.Update(looked{snapshot: s})
	if got, _ := m.target(); got != (Target{"numpy", 1}) {
		t.Errorf("%v is selected", got)
	}
}

func TestALongNameLeavesRoomForHowLong(t *testing.T) {
	s := look(3)
	s.Workers[0].Now = &daemon.Now{Function: strings.Repeat("名前.", 50) + "svd", RunningMS: 3*3600*1000 + 240_000}
	m := shown(t, &script{})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	m.Update(looked{snapshot: s})
	mustShow(t, m, "svd 3h4m")
	s.Workers[0].Now = &daemon.Now{Coroutines: 12, RunningMS: 2500}
	m.Update(looked{snapshot: s})
	mustShow(t, m, "12 coroutines 2.5s")
}

func TestNarrowScreensKeepTheNameTheStateAndWhatRunsNow(t *testing.T) {
	m := shown(t, &script{})
	m.Update(tea.WindowSizeMsg{Width: 48, Height: 20})
	mustShow(t, m, "numpy/0", "ready", "linalg.svd", "POOL", "CALLS/S")
	mustNotShow(t, m, "RESTARTS")
}

package supervisor

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the state tables into DESIGN.md")

// The tables as the design means them, cell by cell; "" is no change.
var workerTable = [stateCount][eventCount]string{
	//         ready    drain       stop        died
	Starting: {"ready", "draining", "stopping", "dead"},
	Ready:    {"", "draining", "stopping", "dead"},
	Draining: {"", "", "stopping", "dead"},
	Stopping: {"", "", "", "dead"},
	Dead:     {"", "", "", ""},
}

var slotTable = [slotStateCount][slotEventCount]string{
	//            ready  lost   failed     broke     ended
	SlotDown:    {"up", "", "backoff", "broken", ""},
	SlotUp:      {"", "down", "backoff", "broken", "down"},
	SlotBackoff: {"up", "", "", "broken", "down"},
	SlotBroken:  {"up", "", "backoff", "", "down"},
}

func TestWorkerTableHoldsForEveryPair(t *testing.T) {
	for s := range stateCount {
		for e := range eventCount {
			want := workerTable[s][e]
			to, ok := s.next(e)
			if ok != (want != "") || ok && to.String() != want || !ok && to != s {
				t.Errorf("%s on %s: %s, %v; want %q", s, e, to, ok, want)
			}
		}
	}
}

func TestSlotTableHoldsForEveryPair(t *testing.T) {
	for s := range slotStateCount {
		for e := range slotEventCount {
			want := slotTable[s][e]
			to, ok := s.next(e)
			if ok != (want != "") || ok && to.String() != want || !ok && to != s {
				t.Errorf("%s on %s: %s, %v; want %q", s, e, to, ok, want)
			}
		}
	}
}

// printTable writes a table as Markdown, from the code.
func printTable[S, E interface {
	~int
	fmt.Stringer
}](states S, events E, next func(S, E) (S, bool),
) string {
	var b strings.Builder
	b.WriteString("| state |")
	for e := range events {
		fmt.Fprintf(&b, " %s |", e)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", int(events)) + "\n")
	for s := range states {
		fmt.Fprintf(&b, "| **%s** |", s)
		for e := range events {
			if to, ok := next(s, e); ok {
				fmt.Fprintf(&b, " %s |", to)
			} else {
				b.WriteString(" · |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestDesignShowsTheTablesOfTheCode(t *testing.T) {
	raw, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for name, table := range map[string]string{
		"worker": printTable(stateCount, eventCount, State.next),
		"slot":   printTable(slotStateCount, slotEventCount, SlotState.next),
		"ladder": printTable(phaseCount, sightCount, phase.next),
	} {
		head, tail := "<!-- table: "+name+" -->\n", "<!-- end -->"
		_, rest, found := strings.Cut(text, head)
		old, _, ended := strings.Cut(rest, tail)
		if !found || !ended {
			t.Fatalf("DESIGN.md has no place for the table of the %s", name)
		}
		if old == table {
			continue
		}
		if !*update {
			t.Errorf("DESIGN.md is not what the code says of the %s; go test ./supervisor -update writes it:\n%s", name, table)
		}
		text = strings.Replace(text, head+old, head+table, 1)
	}
	if *update {
		if err := os.WriteFile("DESIGN.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seen is a report as two runs would make it: the floor doubles between them
// and so does everything else.
func seen(ours1, ours2 float64) *report {
	f := familyResult{Name: familyOne, About: "calls", Base: laneTwoHops, Unit: "µs", Rows: []row{
		{Name: laneTwoHops, Kind: floor, Depth: 1, Runs: []sample{{P50: 10, PerCall: 11}, {P50: 20, PerCall: 22}}},
		{Name: laneDaemon, Kind: ours, Depth: 1, Runs: []sample{
			{P50: ours1, PerCall: 12, CPU: map[string]float64{roleDaemon: 3, roleWorker: 2}},
			{P50: ours2, PerCall: 24, CPU: map[string]float64{roleDaemon: 5, roleWorker: 2}},
		}},
		{Name: peerRPyC, Kind: peer, Depth: 1, Runs: []sample{{P50: 90}, {P50: 180}}},
	}, Missing: []missing{{"a peer", "it is not installed"}}}
	f.settle()
	r := &report{Schema: schema, Machine: machine{Cores: 2}, Runs: 2, Families: []familyResult{f}}
	r.gather()
	r.judge()
	return r
}

func TestRatiosAreOfOneRunAndNotOfTwo(t *testing.T) {
	r := seen(9, 18)
	ratio := r.family(familyOne).find(laneDaemon).Ratio
	if want := (spread{0.9, 0.9, 0.9}); ratio == nil || *ratio != want {
		t.Errorf("ratio %v, want %v in each run, whatever the machine did between them", ratio, want)
	}
}

func TestDeeperLanesAreHeldByTimePerCall(t *testing.T) {
	r := row{Depth: 64, Runs: []sample{{P50: 1, PerCall: 2}}}
	if got := r.figure(0); got != 2 {
		t.Errorf("the figure of a deep lane is %v, want its time per call", got)
	}
	if r.Depth = 1; r.figure(0) != 1 {
		t.Error("the figure of single calls is their p50")
	}
}

func TestOnlyOursIsGated(t *testing.T) {
	want := map[string]float64{familyOne + "/" + laneDaemon: 0.9}
	if diff := cmp.Diff(want, seen(9, 18).Ratios); diff != "" {
		t.Errorf("gated ratios (-want +got):\n%s", diff)
	}
}

func TestAReportIsReadAsItWasWritten(t *testing.T) {
	r := seen(9, 18)
	path := filepath.Join(t.TempDir(), "deep", "report.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	again, err := readReport(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Errorf("read back (-wrote +read):\n%s", diff)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var shape map[string]json.RawMessage
	if err := json.Unmarshal(text, &shape); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"schema", "machine", "runs", "quick", "families", "verdicts", "ratios"} {
		if shape[member] == nil {
			t.Errorf("the report has no member %q", member)
		}
	}
	if host, err := os.Hostname(); err == nil && len(host) > 2 && bytes.Contains(text, []byte(host)) {
		t.Errorf("the report names the machine's host %q", host)
	}
}

func TestAReportOfAnotherShapeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(path, []byte(`{"schema":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readReport(path); err == nil || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("error %v, want one that names the schema", err)
	}
}

func TestWhatCouldNotRunIsNamedInTheTable(t *testing.T) {
	var out strings.Builder
	seen(9, 18).print(&out)
	for _, want := range []string{"a peer", "it is not installed", laneDaemon, "0.90 (0.90–0.90)", "daemon 4.0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestAPayloadIsJSONOfItsSize(t *testing.T) {
	value := rows(1000)
	if !json.Valid(value) {
		t.Errorf("no JSON: %s", value)
	}
	if len(value) < 1000 || len(value) > 1100 {
		t.Errorf("a value of %d bytes, want about 1000", len(value))
	}
}

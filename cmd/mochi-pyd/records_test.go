package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

// TestAGapInTheLogIsToldOnce: in the line that came after it, or, when it was the
// reader who was too slow, in the daemon's own words alone.
func TestAGapInTheLogIsToldOnce(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	at := time.Now().Add(-time.Minute)
	for _, l := range []daemon.LogLine{
		{At: at, Pool: "app", Level: "info", Stream: "stdout", Message: "after it", Dropped: 7},
		{At: at, Pool: "app", Slot: -1, Level: "warning", Stream: "daemon", Message: "9 records are gone", Dropped: 9},
	} {
		raw, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if err := (&app{out: out}).printLog(outTable, raw); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	stamp := clock(at)
	want := stamp + " app/0 INFO  (7 lines dropped before)  after it\n" + stamp + " app WARN   9 records are gone\n"
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestAFullQueueRefusesTheRestAtOnceAndSaysWhenToComeBack is row F11 with its
// numbers: one worker busy with a long call, max-queue 4, 99 more calls; 4 wait
// and 95 are refused at once.
func TestAFullQueueRefusesTheRestAtOnceAndSaysWhenToComeBack(t *testing.T) {
	const waiting, more = 4, 99
	d := serve(t, rig.Options{Config: "[daemon]\nimport-policy = \"any\"\n[pool-defaults]\nworkers = 1\nmax-queue = 4\n"})
	promptly(t, "99 calls to a full pool until 95 of them are refused", 500*time.Millisecond, func() time.Duration {
		h := dial(t, d)
		defer h.Close()
		call(t, h, "both.add", "[1,1]")
		file, quoted := counter(t)
		send(t, h, rig.Request(1000, "counted.run", `[`+quoted+`,"long",1.5]`))
		runs(t, d, "counted", "run")
		var lines []string
		for id := range more {
			lines = append(lines, rig.Request(id, "counted.run", fmt.Sprintf(`[%s,"n%d",0]`, quoted, id)))
		}
		started := time.Now()
		send(t, h, lines...)
		for n := range more - waiting {
			a, err := h.Read()
			if err != nil {
				t.Fatal(err)
			}
			if a.Error.Kind() != "overloaded" {
				t.Fatalf("answer %d, of call %s, is %s %+v, want overloaded", n, a.ID, a.Result, a.Error)
			}
			if ms, ok := a.Error.Data["retry_after_ms"].(float64); !ok || ms <= 0 {
				t.Fatalf("retry_after_ms is missing or no time: %v", a.Error.Data)
			}
		}
		took := time.Since(started)
		if n := queue(t, d, "counted"); n != waiting {
			t.Errorf("%d calls wait, want %d", n, waiting)
		}
		for range waiting + 1 {
			if a, err := h.Read(); err != nil || a.Error != nil {
				t.Errorf("a call that waited was answered %+v %v", a.Error, err)
			}
		}
		if got := ran(t, file); len(got) != waiting+1 {
			t.Errorf("%d calls ran, want %d: %v", len(got), waiting+1, got)
		}
		return took
	})
}

// TestAGreedyHostCannotStarveAPoliteOne is row F11's second half: one host has
// 64 calls under way at any time, the other 2, and each gets at least 40 % of
// the work done.
func TestAGreedyHostCannotStarveAPoliteOne(t *testing.T) {
	const share, spell = 0.4, 1500 * time.Millisecond
	d := serve(t, rig.Options{Config: "[daemon]\nimport-policy = \"any\"\n[pool-defaults]\nworkers = 1\nmax-queue = 16\n"})
	call(t, dial(t, d), "both.nap", "[0]")
	const tries = 3
	var shares []float64
	for range tries {
		var done [2]atomic.Int64
		var hosts sync.WaitGroup
		over := make(chan struct{})
		for i, depth := range []int{64, 2} {
			hosts.Go(func() { demand(t, d, depth, &done[i], over) })
		}
		timer := time.NewTimer(spell)
		<-timer.C
		greedy, polite := done[0].Load(), done[1].Load()
		close(over)
		hosts.Wait()
		least := float64(min(greedy, polite)) / float64(greedy+polite)
		shares = append(shares, least)
		t.Logf("greedy %d, polite %d results in %s", greedy, polite, spell)
		if least >= share {
			return
		}
	}
	t.Errorf("the lesser shares of %d tries are %.2f, promised ≥ %.2f", tries, shares, share)
}

// demand keeps depth calls under way on a connection of its own until over.
func demand(t *testing.T, d *rig.Daemon, depth int, done *atomic.Int64, over <-chan struct{}) {
	conn, err := net.Dial("unix", d.Socket)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	go func() {
		<-over
		conn.Close()
	}()
	next := 0
	more := func(n int) error {
		var lines strings.Builder
		for range n {
			next++
			lines.WriteString(rig.Request(next, "both.nap", "[0.003]") + "\n")
		}
		_, err := io.WriteString(conn, lines.String())
		return err
	}
	if more(depth) != nil {
		return
	}
	for in := json.NewDecoder(conn); ; {
		var a rig.Answer
		if err := in.Decode(&a); err != nil {
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return
		}
		if a.Error == nil {
			done.Add(1)
		} else if a.Error.Kind() != "overloaded" {
			t.Errorf("answered %+v", a.Error)
		}
		if more(1) != nil {
			return
		}
	}
}

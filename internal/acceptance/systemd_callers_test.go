package acceptance

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// naps is a module whose calls take as long as they are asked to.
const naps = "import os, time\n\ndef nap(seconds=0.001):\n    time.sleep(seconds)\n    return os.getpid()\n"

var napping = map[string]string{"naps": naps}

const napPool = "[pools.naps]\nmodule = \"naps\"\n"

// once connects, makes one call and hangs up, as a script does for each of its
// calls.
func (g *guest) once(method, params string) (rig.Answer, error) {
	return onceAt(g.host, method, params)
}

func onceAt(socket, method, params string) (rig.Answer, error) {
	h, err := rig.Dial(socket)
	if err != nil {
		return rig.Answer{}, err
	}
	defer h.Close()
	a, err := h.Call(method, params)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("hung up on without an answer: %w", err)
	}
	return a, err
}

// callers call once a connection, several at a time, until they are told to end.
type callers struct {
	stop  chan struct{}
	ended sync.WaitGroup

	mu       sync.Mutex
	answered int
	refused  []string // could not connect, or were hung up on
	failed   map[string]int
	slowest  time.Duration
}

func callsAt(socket string, hosts int, method, params string) *callers {
	c := &callers{stop: make(chan struct{}), failed: map[string]int{}}
	for range hosts {
		c.ended.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-c.stop:
					return
				case <-tick.C:
				}
				began := time.Now()
				a, err := onceAt(socket, method, params)
				c.note(a, err, time.Since(began))
			}
		})
	}
	return c
}

func (c *callers) note(a rig.Answer, err error, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowest = max(c.slowest, took)
	switch {
	case err != nil:
		c.refused = append(c.refused, err.Error())
	case a.Error != nil:
		c.failed[a.Error.Kind()]++
	default:
		c.answered++
	}
}

func (c *callers) end(t *testing.T) {
	t.Helper()
	close(c.stop)
	c.ended.Wait()
	t.Logf("%d calls answered, the slowest in %s", c.answered, c.slowest.Round(time.Millisecond))
	if len(c.refused) > 0 {
		t.Errorf("%d calls were refused or got no answer, the first: %s", len(c.refused), c.refused[0])
	}
	if len(c.failed) > 0 {
		t.Errorf("calls failed: %v", c.failed)
	}
	if c.answered == 0 {
		t.Error("no call was answered at all")
	}
}

// keepers keep their connection, and when it ends connect again.
type keepers struct {
	stop   chan struct{}
	ended  sync.WaitGroup
	counts []tallied
}

func (g *guest) keep(hosts int) *keepers {
	k := &keepers{stop: make(chan struct{}), counts: make([]tallied, hosts)}
	for i := range k.counts {
		k.ended.Go(func() {
			for c := &k.counts[i]; c.err == nil; {
				select {
				case <-k.stop:
					return
				default:
					g.connection(c, k.stop)
				}
			}
		})
	}
	return k
}

// end holds each host to so many connections at least.
func (k *keepers) end(t *testing.T, connections int) {
	t.Helper()
	close(k.stop)
	k.ended.Wait()
	for i, c := range k.counts {
		t.Logf("host %d: %+v", i, c)
		if c.err != nil {
			t.Errorf("host %d: %v", i, c.err)
		}
		if c.results == 0 || c.connections < connections {
			t.Errorf("host %d had %d results on %d connections", i, c.results, c.connections)
		}
	}
}

// tallied is what one host saw.
type tallied struct {
	connections, results, refused int
	err                           error
}

// connection sends at a steady rate on one connection until it ends, or until
// stop, and holds what came back against what was sent.
func (g *guest) connection(c *tallied, stop <-chan struct{}) {
	h, err := rig.Dial(g.host)
	if err != nil {
		c.err = err
		return
	}
	defer h.Close()
	c.connections++
	ended := make(chan struct{})
	answers := map[string]string{}
	var bad error
	go func() {
		defer close(ended)
		for {
			a, err := h.Read()
			if err != nil {
				return // the end of the connection; what it owes is counted below
			}
			if a.Error != nil && a.Error.Kind() != "shutting_down" {
				bad = fmt.Errorf("call %s failed with %+v", a.ID, a.Error)
			}
			answers[string(a.ID)] = a.Error.Kind()
		}
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	sent, stopped := 0, false
	for !stopped {
		select {
		case <-stop:
			stopped = true
			continue
		case <-ended:
			stopped = true
			continue
		case <-tick.C:
		}
		if h.Send(rig.Request(sent+1, "naps.nap", "")) != nil {
			break // a request that could not be written is nobody's
		}
		sent++
	}
	h.Finish()
	<-ended
	for id := 1; id <= sent; id++ {
		kind, ok := answers[fmt.Sprint(id)]
		switch {
		case !ok:
			c.err = fmt.Errorf("call %d of %d on a connection was written and never answered", id, sent)
			return
		case kind == "":
			c.results++
		default:
			c.refused++
		}
	}
	c.err = bad
}

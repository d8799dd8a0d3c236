package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// family is a set of contenders that are measured together, in turns, so that
// whatever the machine does it does to all of them; only their ratios mean
// anything.
type family struct {
	name  string
	about string
	base  string // the lane that the others are ratios of
	unit  string // of its figures; "" is µs
	lanes []*lane

	// readings are figures that no turns are taken for, such as memory: asked
	// for once in a run.
	readings func(context.Context) ([]reading, error)

	rounds  int // turns of each lane in one run
	missing []missing
	failed  []error // why lanes that should be there are missing
	closers []func() error

	// order shuffles each round: whoever came after the same neighbour every
	// time would find the cores as that one left them.
	order *rand.Rand
}

// lane is a contender at one depth.
type lane struct {
	*contender
	label string // what the report calls it; "" is the contender's name
	depth int
	calls int    // in a turn
	once  bool   // one turn in a run is enough: it takes so long
	base  string // the lane it is a ratio of; "" is the family's
}

// reading is one figure of one run.
type reading struct {
	name  string
	unit  string
	value float64
}

func (l *lane) title() string {
	if l.label != "" {
		return l.label
	}
	return l.name
}

// missing is what could not be measured, and why: never left out in silence.
type missing struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// add opens a contender and gives it a lane; one that cannot run is noted.
func (f *family) add(c *contender, err error, depth, calls int) *lane {
	if err != nil {
		f.missing = append(f.missing, missing{c.name, err.Error()})
		if !errors.Is(err, errUnavailable) {
			f.failed = append(f.failed, fmt.Errorf("%s: %s: %w", f.name, c.name, err))
		}
		return nil
	}
	if c.close != nil {
		f.closers = append(f.closers, c.close)
	}
	return f.lane(c, "", depth, calls)
}

// lane gives an open contender a lane, perhaps one more.
func (f *family) lane(c *contender, label string, depth, calls int) *lane {
	l := &lane{contender: c, label: label, depth: depth, calls: calls}
	f.lanes = append(f.lanes, l)
	return l
}

// measureAgainst gives a lane with a base of its own.
func (f *family) measureAgainst(base string, c *contender, label string, depth, calls int) {
	f.lane(c, label, depth, calls).base = base
}

// slowTurn is when a lane's turn is cut short: a peer of 40 ms a call must not
// hold up those of 40 µs.
const slowTurn = 250 * time.Millisecond

// leastCalls is what a shortened turn still makes.
const leastCalls = 2

// run measures all lanes, runs times, and gives a row for each.
func (f *family) run(ctx context.Context, runs int) (result familyResult, err error) {
	defer func() { err = errors.Join(err, shut(f.closers)) }()
	result = familyResult{Name: f.name, About: f.about, Base: f.base, Unit: f.unit, Missing: f.missing}
	if result.Unit == "" {
		result.Unit = "µs"
	}
	f.warm(ctx)
	result.Missing = f.missing
	f.order = rand.New(rand.NewPCG(1, 1)) // the same shuffles in every run of the program
	rows := make([]row, len(f.lanes))
	for i, l := range f.lanes {
		rows[i] = row{Name: l.title(), Host: l.host, Kind: l.kind, Depth: l.depth, Base: l.base}
	}
	for range runs {
		if err := f.once(ctx, rows); err != nil {
			return result, err
		}
		if err := f.read(ctx, &result); err != nil {
			return result, err
		}
	}
	result.Rows = slices.Concat(rows, result.Rows)
	result.settle()
	return result, errors.Join(f.failed...)
}

// warm lets depth, polling and interpreters adapt to what they will see, and
// learns how many calls fit into a turn. A lane that does not come through it
// is named and left: the others are still worth measuring.
func (f *family) warm(ctx context.Context) {
	f.lanes = slices.DeleteFunc(f.lanes, func(l *lane) bool {
		err := l.warm(ctx)
		if err == nil {
			return false
		}
		f.missing = append(f.missing, missing{l.title(), err.Error()})
		if !errors.Is(err, errUnavailable) {
			f.failed = append(f.failed, fmt.Errorf("%s: warm up %s: %w", f.name, l.title(), err))
		}
		return true
	})
}

func (l *lane) warm(ctx context.Context) error {
	for range warmTurns {
		m, err := l.ask(ctx, max(min(l.calls, warmCalls), l.depth), l.depth)
		if err != nil {
			return err
		}
		if fit := int(slowTurn / max(m.perCall(), 1)); fit < l.calls {
			l.calls = max(fit, l.depth, leastCalls)
			l.once = l.once || m.took > verySlowTurn
			break
		}
	}
	return nil
}

const (
	// verySlowTurn is of a peer that takes seconds for its window.
	verySlowTurn = time.Second

	warmTurns = 3
	warmCalls = 500
)

// once is one run: rounds of all lanes in turn.
func (f *family) once(ctx context.Context, rows []row) error {
	tallies := make([]tally, len(f.lanes))
	for round := range f.rounds {
		for _, i := range f.order.Perm(len(f.lanes)) {
			l := f.lanes[i]
			if l.once && round > 0 {
				continue
			}
			if err := tallies[i].turn(ctx, l); err != nil {
				return fmt.Errorf("%s: %s: %w", f.name, l.title(), err)
			}
		}
	}
	for i := range rows {
		rows[i].Runs = append(rows[i].Runs, tallies[i].sample())
	}
	return nil
}

// read asks for the readings of one run.
func (f *family) read(ctx context.Context, result *familyResult) error {
	if f.readings == nil {
		return nil
	}
	seen, err := f.readings(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	for _, s := range seen {
		r := result.find(s.name)
		if r == nil {
			result.Rows = append(result.Rows, row{Name: s.name, Kind: ours, Unit: s.unit})
			r = &result.Rows[len(result.Rows)-1]
		}
		r.Runs = append(r.Runs, sample{P50: s.value})
	}
	return nil
}

// tally collects a lane's turns of one run.
type tally struct {
	calls int
	took  time.Duration
	each  []time.Duration
	cpu   map[string]time.Duration
}

func (t *tally) turn(ctx context.Context, l *lane) error {
	before, err := l.cpuTimes()
	if err != nil {
		return err
	}
	m, err := l.ask(ctx, l.calls, l.depth)
	if err != nil {
		return err
	}
	after, err := l.cpuTimes()
	if err != nil {
		return err
	}
	if t.cpu == nil {
		t.cpu = map[string]time.Duration{}
	}
	for role, was := range before {
		t.cpu[role] += after[role] - was
	}
	t.calls += m.calls
	t.took += m.took
	t.each = append(t.each, m.samples()...)
	return nil
}

func (c *contender) cpuTimes() (map[string]time.Duration, error) {
	times := make(map[string]time.Duration, len(c.cpu))
	for role, pids := range c.cpu {
		for _, pid := range pids() {
			spent, err := cpuTime(pid)
			if err != nil {
				return nil, fmt.Errorf("CPU time of the %s: %w", role, err)
			}
			times[role] += spent
		}
	}
	return times, nil
}

func (t *tally) sample() sample {
	sorted := slices.Sorted(slices.Values(t.each))
	s := sample{
		Calls:   t.calls,
		P50:     micros(percentile(sorted, 50)),
		P90:     micros(percentile(sorted, 90)),
		P99:     micros(percentile(sorted, 99)),
		PerCall: micros(t.took) / float64(max(t.calls, 1)),
	}
	if len(t.cpu) > 0 {
		s.CPU = map[string]float64{}
		for _, role := range slices.Sorted(maps.Keys(t.cpu)) {
			s.CPU[role] = micros(t.cpu[role]) / float64(max(t.calls, 1))
		}
	}
	return s
}

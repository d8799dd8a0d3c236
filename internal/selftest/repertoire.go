package selftest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The pools of the daemon under test. calm serves the same module as plain and
// nobody does anything to it: another pool's trouble must not be seen there.
const (
	plain = "plain"
	mixed = "mixed"
	calm  = "calm"
)

// maxMessage is the daemon's: small, so that what is too large is still cheap.
const maxMessage = 256 << 10

// function is something a host calls, and how it ends when nothing disturbs it.
type function struct {
	name   string
	pools  []string
	params func(r *rand.Rand, key uint32) string
	ends   outcome
	runs   uint8 // when it ends so
	slow   bool  // worth cancelling, or a deadline
}

var (
	both  = []string{plain, mixed}
	loop  = []string{mixed}
	quiet = []string{calm}
)

func keyOnly(_ *rand.Rand, key uint32) string { return fmt.Sprintf("[%d]", key) }

func named(_ *rand.Rand, key uint32) string { return fmt.Sprintf(`{"key":%d}`, key) }

// seconds gives a function a time to take, up to most.
func seconds(most float64) func(*rand.Rand, uint32) string {
	return func(r *rand.Rand, key uint32) string { return fmt.Sprintf("[%d,%.4f]", key, r.Float64()*most) }
}

// padded is a request with so many bytes of argument, at most.
func padded(least, most int) func(*rand.Rand, uint32) string {
	return func(r *rand.Rand, key uint32) string {
		return fmt.Sprintf("[%d,%q]", key, strings.Repeat("p", least+r.IntN(most-least)))
	}
}

func number(least, most int) func(*rand.Rand, uint32) string {
	return func(r *rand.Rand, key uint32) string { return fmt.Sprintf("[%d,%d]", key, least+r.IntN(most-least)) }
}

// share is how often a function is called among others.
type share struct {
	weight int
	function
}

// decent is what hosts want: quick and slow, in the main thread and on the loop.
var decent = []share{
	{40, function{"echo", both, keyOnly, succeeded, 1, false}},
	{10, function{"echo", both, named, succeeded, 1, false}},
	{6, function{"echo", both, padded(1, 4000), succeeded, 1, false}},
	{30, function{"aecho", loop, keyOnly, succeeded, 1, false}},
	{6, function{"nap", both, seconds(0.01), succeeded, 1, true}},
	{1, function{"nap", both, seconds(0.2), succeeded, 1, true}},
	{12, function{"anap", loop, seconds(0.1), succeeded, 1, true}},
	{2, function{"spins", both, seconds(0.05), succeeded, 1, true}},
	{1, function{"grinds", both, number(1000, 2_000_000), succeeded, 1, true}},
	{3, function{"raises", both, keyOnly, raised, 1, false}},
	{2, function{"araises", loop, keyOnly, raised, 1, false}},
	{2, function{"unwritable", both, keyOnly, notWritable, 1, false}},
	{2, function{"nosuch", both, keyOnly, notFound, 0, false}},
	{2, function{"echo", both, func(_ *rand.Rand, key uint32) string { return fmt.Sprintf(`{"key":%d,"depth":1}`, key) }, misfit, 0, false}},
	{1, function{"big", both, number(1, 50_000), succeeded, 1, false}},
}

// misbehaving is the zoo: each is called now and then.
var misbehaving = []share{
	{4, function{"dies", both, keyOnly, lost, 1, false}},
	{2, function{"adies", loop, keyOnly, lost, 1, false}},
	{3, function{"segfaults", both, keyOnly, lost, 1, false}},
	{2, function{"aborts", both, keyOnly, lost, 1, false}},
	{6, function{"leaves", both, keyOnly, raised, 1, false}},
	{3, function{"floods", both, number(100, 5000), succeeded, 1, false}},
	{6, function{"hogs", both, keyOnly, raised, 1, false}},
	{4, function{"forks", both, keyOnly, succeeded, 1, false}},
	{4, function{"daemonises", both, keyOnly, succeeded, 1, false}},
	{4, function{"big", both, number(maxMessage, 2*maxMessage), tooLarge, 1, false}},
	{4, function{"echo", both, padded(maxMessage, 2*maxMessage), tooLarge, 0, false}},
}

// neighbourly is what the calm pool's host wants.
var neighbourly = []share{
	{10, function{"echo", quiet, keyOnly, succeeded, 1, false}},
	{2, function{"nap", quiet, seconds(0.005), succeeded, 1, false}},
	{1, function{"raises", quiet, keyOnly, raised, 1, false}},
}

// bulky is what a host asks for that will never read it.
var bulky = []share{
	{1, function{"big", both, number(50_000, 100_000), succeeded, 1, false}},
}

// farewell is what runs when the daemon is told to end.
var farewell = []share{
	{1, function{"nap", both, seconds(0.2), succeeded, 1, false}},
	{1, function{"anap", loop, seconds(0.2), succeeded, 1, false}},
}

func choose(r *rand.Rand, from []share) *function {
	all := 0
	for _, s := range from {
		all += s.weight
	}
	at := r.IntN(all)
	for i := range from {
		if at -= from[i].weight; at < 0 {
			return &from[i].function
		}
	}
	return &from[0].function
}

// garbage costs one answer with id null each, and nothing else.
var garbage = []string{
	"GET / HTTP/1.1",
	`{"jsonrpc":"2.0","id":1,"method":`,
	`{"jsonrpc":"1.0","method":"plain.echo","params":[1]}`,
	`{"jsonrpc":"2.0","id":[1],"method":"plain.echo","params":[1]}`,
	`{"jsonrpc":"2.0","id":null,"method":"plain.nosuch"}`,
	`{"jsonrpc":"2.0","id":null,"method":"plain.echo","params":[NaN]}`,
	"[]",
	"[1]",
	"\xff\xfe\x00",
	`"hello"`,
	strings.Repeat("x", maxMessage+maxMessage/4),
}

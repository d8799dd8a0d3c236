package pool

import "github.com/mochilang/mochi-pyd/rpc"

// evictFor makes room for a call of newcomer when as many wait as may: the
// newest waiting call of the greediest connection goes, wherever it waits,
// unless newcomer would then be the greediest itself, in which case nil says
// that its call is the one refused. Called with mu held.
func (p *Pool) evictFor(newcomer uint64) *rpc.Call {
	queues := p.queues()
	waits := map[uint64]int{}
	for _, q := range queues {
		for conn, l := range q.lines {
			waits[conn] += l.len()
		}
	}
	greediest, most := newcomer, waits[newcomer]+1
	for conn, n := range waits {
		if n > most {
			greediest, most = conn, n
		}
	}
	if greediest == newcomer {
		return nil
	}
	longest := queues[0]
	for _, q := range queues {
		if q.waiting(greediest) > longest.waiting(greediest) {
			longest = q
		}
	}
	return longest.evict(greediest)
}

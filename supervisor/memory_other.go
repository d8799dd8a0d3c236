//go:build !linux

package supervisor

// weigh: there is no portable way to ask for another process's memory.
func weigh(leaders []int, _ int64) []Memory { return make([]Memory, len(leaders)) }

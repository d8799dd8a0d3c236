package supervisor

import (
	"context"
	"errors"
)

// Ending is a cause with which the context of a Slot's Run may be ended, to
// say why its worker ends: a pool that shrinks is no daemon that stops.
//
//nolint:errname // a cause: it says what is meant to end, not what failed
type Ending struct{ Reason Reason }

func (e Ending) Error() string { return "the worker is not wanted any more: " + string(e.Reason) }

// endingReason is why ctx ended; ReasonParent unless somebody said otherwise.
func endingReason(ctx context.Context) Reason {
	if e, ok := errors.AsType[Ending](context.Cause(ctx)); ok {
		return e.Reason
	}
	return ReasonParent
}

package selftest

import (
	"encoding/json"

	"github.com/mochilang/mochi-pyd/rpc"
)

// outcome is how a call was answered: with a result, or an error of a kind. The
// zero value is no answer.
type outcome uint8

const (
	unanswered outcome = iota
	succeeded
	raised
	lost
	late
	cancelled
	overloaded
	unavailable
	tooLarge
	notWritable
	notFound
	misfit
	shuttingDown
	malformed // the two kinds of a line that is no request
	ownBug
	otherKind // in the table, and nothing here asks for it
	strange   // no kind of the table, or with another kind's code
)

var outcomeWord = [...]string{
	"no answer", "result", "python_error", "worker_lost", "deadline_exceeded", "request_cancelled", "overloaded",
	"pool_unavailable", "too_large", "not_serializable", "method_not_found", "invalid_params", "shutting_down",
	"parse_error or invalid_request", "internal", "another kind", "no kind of ERRORS.md",
}

func (o outcome) String() string { return outcomeWord[o] }

var outcomeOf = map[rpc.Kind]outcome{
	rpc.KindPythonError: raised, rpc.KindWorkerLost: lost, rpc.KindDeadlineExceeded: late, rpc.KindRequestCancelled: cancelled,
	rpc.KindOverloaded: overloaded, rpc.KindPoolUnavailable: unavailable, rpc.KindTooLarge: tooLarge,
	rpc.KindNotSerializable: notWritable, rpc.KindMethodNotFound: notFound, rpc.KindInvalidParams: misfit,
	rpc.KindShuttingDown: shuttingDown, rpc.KindParseError: malformed, rpc.KindInvalidRequest: malformed, rpc.KindInternal: ownBug,
	rpc.KindImportFailed: otherKind, rpc.KindPermissionDenied: otherKind, rpc.KindStaleRef: otherKind, rpc.KindReentry: otherKind,
}

// started is what an error says about whether the function had begun.
type started uint8

const (
	unsaid started = iota
	saidNo
	saidYes
)

// judge reads an error as a strict host does.
func judge(e *rpc.Error) (outcome, started) {
	if e == nil {
		return succeeded, unsaid
	}
	var data struct {
		Kind    rpc.Kind `json:"kind"`
		Started *bool    `json:"started"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return strange, unsaid
	}
	o, known := outcomeOf[data.Kind]
	if !known || data.Kind.Code() != e.Code || e.Message == "" {
		return strange, unsaid
	}
	switch {
	case data.Started == nil:
		return o, unsaid
	case *data.Started:
		return o, saidYes
	}
	return o, saidNo
}

// neverRan says that an answer promises that the function was not called.
func (o outcome) neverRan(s started) bool {
	switch o {
	case overloaded, unavailable, notFound, misfit, shuttingDown, malformed:
		return true
	case lost, late, cancelled:
		return s == saidNo
	}
	return false
}

package metrics

import (
	"slices"
	"strconv"

	"github.com/mochilang/mochi-pyd/rpc"
)

// outcomeOK is the outcome of a call that was answered with a result, and
// outcomeOther that of one that failed with a code that is not the protocol's,
// as a Python function may choose one.
const (
	outcomeOK    = "ok"
	outcomeOther = "other"
)

// outcomes are the words of the label outcome: ok, the kinds of ERRORS.md, and
// other.
var outcomes = []string{
	outcomeOK,
	string(rpc.KindPythonError), string(rpc.KindInternal),
	string(rpc.KindParseError), string(rpc.KindInvalidRequest), string(rpc.KindMethodNotFound), string(rpc.KindInvalidParams),
	string(rpc.KindWorkerLost), string(rpc.KindDeadlineExceeded), string(rpc.KindOverloaded), string(rpc.KindPoolUnavailable),
	string(rpc.KindImportFailed), string(rpc.KindShuttingDown), string(rpc.KindTooLarge), string(rpc.KindNotSerializable),
	string(rpc.KindPermissionDenied), string(rpc.KindStaleRef), string(rpc.KindReentry), string(rpc.KindRequestCancelled),
	outcomeOther,
}

// outcomeCount is len(outcomes), as the size of an array.
const outcomeCount = 20

// outcomeByCode finds an outcome by the error's code. -32603, which two kinds
// share, is left to their data.
var outcomeByCode = func() map[int]int {
	byCode := map[int]int{}
	for i, name := range outcomes {
		if name != outcomeOK && name != outcomeOther {
			byCode[rpc.Kind(name).Code()] = i
		}
	}
	return byCode
}()

var (
	outcomePython   = slices.Index(outcomes, string(rpc.KindPythonError))
	outcomeInternal = slices.Index(outcomes, string(rpc.KindInternal))
)

// outcomeOf is an index into outcomes.
func outcomeOf(err *rpc.Error) int {
	switch {
	case err == nil:
		return 0
	case err.Code != rpc.CodeInternalError:
		if i, known := outcomeByCode[err.Code]; known {
			return i
		}
		return outcomeCount - 1
	case err.Kind() == rpc.KindInternal:
		return outcomeInternal
	}
	return outcomePython
}

// codeOf is the label code of an outcome: "0" for a result.
func codeOf(outcome int) string {
	switch name := outcomes[outcome]; name {
	case outcomeOK:
		return "0"
	case outcomeOther:
		return outcomeOther
	default:
		return strconv.Itoa(rpc.Kind(name).Code())
	}
}

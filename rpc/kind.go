package rpc

// Kind is the word in every error's data.kind: what happened, in one of the
// terms of ERRORS.md. Kinds are unique; so is every code but -32603, which
// MEP-71 uses both for an exception of the called function and for our own bugs.
type Kind string

// The kinds, in the order of ERRORS.md.
const (
	KindParseError       Kind = "parse_error"
	KindInvalidRequest   Kind = "invalid_request"
	KindMethodNotFound   Kind = "method_not_found"
	KindInvalidParams    Kind = "invalid_params"
	KindPythonError      Kind = "python_error"
	KindInternal         Kind = "internal"
	KindWorkerLost       Kind = "worker_lost"
	KindDeadlineExceeded Kind = "deadline_exceeded"
	KindOverloaded       Kind = "overloaded"
	KindPoolUnavailable  Kind = "pool_unavailable"
	KindImportFailed     Kind = "import_failed"
	KindShuttingDown     Kind = "shutting_down"
	KindTooLarge         Kind = "too_large"
	KindNotSerializable  Kind = "not_serializable"
	KindPermissionDenied Kind = "permission_denied"
	KindStaleRef         Kind = "stale_ref"
	KindReentry          Kind = "reentry"
	KindRequestCancelled Kind = "request_cancelled"
)

// The codes of JSON-RPC 2.0 (section 5.1), then ours, then LSP's.
const (
	CodeParseError       = -32700
	CodeInvalidRequest   = -32600
	CodeMethodNotFound   = -32601
	CodeInvalidParams    = -32602
	CodeInternalError    = -32603
	CodeWorkerLost       = -32001
	CodeDeadlineExceeded = -32002
	CodeOverloaded       = -32003
	CodePoolUnavailable  = -32004
	CodeImportFailed     = -32005
	CodeShuttingDown     = -32006
	CodeTooLarge         = -32007
	CodeNotSerializable  = -32008
	CodePermissionDenied = -32009
	CodeStaleRef         = -32010
	CodeReentry          = -32011
	CodeRequestCancelled = -32800
)

var codeOf = map[Kind]int{
	KindParseError:       CodeParseError,
	KindInvalidRequest:   CodeInvalidRequest,
	KindMethodNotFound:   CodeMethodNotFound,
	KindInvalidParams:    CodeInvalidParams,
	KindPythonError:      CodeInternalError,
	KindInternal:         CodeInternalError,
	KindWorkerLost:       CodeWorkerLost,
	KindDeadlineExceeded: CodeDeadlineExceeded,
	KindOverloaded:       CodeOverloaded,
	KindPoolUnavailable:  CodePoolUnavailable,
	KindImportFailed:     CodeImportFailed,
	KindShuttingDown:     CodeShuttingDown,
	KindTooLarge:         CodeTooLarge,
	KindNotSerializable:  CodeNotSerializable,
	KindPermissionDenied: CodePermissionDenied,
	KindStaleRef:         CodeStaleRef,
	KindReentry:          CodeReentry,
	KindRequestCancelled: CodeRequestCancelled,
}

// Code is the number an error of this kind carries; a kind that is not in the
// table is our own bug and says so with -32603.
func (k Kind) Code() int {
	if code, ok := codeOf[k]; ok {
		return code
	}
	return CodeInternalError
}

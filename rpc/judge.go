package rpc

import (
	"bytes"
	"encoding/json"
)

// class is what a message object turned out to be.
type class int

const (
	classBad          class = iota // answered with an error
	classRequest                   // has an id, null included
	classNotification              // never answered
	classReply                     // dropped: an answer to an answer could go on for ever
)

var (
	nullID = []byte("null")

	errNotMessage   = Errorf(KindInvalidRequest, "the message is not a JSON object: send {\"jsonrpc\":\"2.0\",\"id\":…,\"method\":…,\"params\":…}")
	errTwice        = Errorf(KindInvalidRequest, "a member of the request appears twice: send each once")
	errBadID        = Errorf(KindInvalidRequest, "the id is neither string, number nor null")
	errVersion      = Errorf(KindInvalidRequest, `"jsonrpc" must be the string "2.0"`)
	errBoth         = Errorf(KindInvalidRequest, "the message has a method and also a result or an error: it is neither request nor response")
	errMethodType   = Errorf(KindInvalidRequest, "the method must be a string")
	errNoMethod     = Errorf(KindInvalidRequest, "the request has no method")
	errParamsType   = Errorf(KindInvalidRequest, "params must be an array or an object, or be left out")
	errEmptyBatch   = Errorf(KindInvalidRequest, "the batch is empty")
	errCancelled    = NewError(KindRequestCancelled, "cancelled by the host", unstarted)
	errHostGone     = NewError(KindRequestCancelled, "the host that asked is gone", unstarted)
	errServerClosed = Errorf(KindShuttingDown, "the server is shutting down: connect again later")
)

// unstarted is what a cancellation says as long as nobody holds the call; who
// has started it says so with With.
var unstarted = Fields{"started": false}

// judge says what a scanned message is, by section 4 of JSON-RPC 2.0 read
// strictly: a wrong envelope is an invalid request even without an id, and only
// a right one can be a notification.
func (e *envelope) judge() (class, *Error) {
	switch {
	case !e.object:
		return classBad, errNotMessage
	case e.seen&memberMethod == 0 && e.seen&(memberResult|memberError) != 0:
		return classReply, nil
	case e.twice != 0:
		return classBad, errTwice
	case e.ID != nil && !validID(e.ID):
		return classBad, errBadID
	case !e.version:
		return classBad, errVersion
	case e.seen&memberMethod == 0:
		return classBad, errNoMethod
	case e.badName:
		return classBad, errMethodType
	case e.seen&(memberResult|memberError) != 0:
		return classBad, errBoth
	case e.Params != nil && e.Params[0] != '[' && e.Params[0] != '{':
		return classBad, errParamsType
	case e.ID == nil:
		return classNotification, nil
	}
	return classRequest, nil
}

// answerID is the id that an error about this message carries: its own when
// there is one that can be told, else null.
func (e *envelope) answerID() []byte {
	if e.ID == nil || e.twice&memberID != 0 || !validID(e.ID) {
		return nullID
	}
	return e.ID
}

// validID: a string, a number or null. The scanner has proved it is JSON.
func validID(raw []byte) bool {
	switch c := raw[0]; {
	case c == '"', c == '-', c >= '0' && c <= '9':
		return true
	}
	return bytes.Equal(raw, nullID)
}

// parseError is the answer to a line that is not JSON.
func parseError(err error) *Error {
	return Errorf(KindParseError, "%v; send one JSON-RPC 2.0 message per line", err)
}

// duplicateID is the answer to a request whose id is in flight: it goes out
// with id null, so that the id's one answer stays the first request's.
func duplicateID(id []byte) *Error {
	return NewError(KindInvalidRequest, "a request with this id is in flight: use another id",
		Fields{"id": json.RawMessage(id)})
}

// tooLarge is the answer in place of a message over the limit, either way.
func tooLarge(size, limit int) *Error {
	return NewError(KindTooLarge, "the message is over the limit: send less, or raise max-message",
		Fields{"limit": limit, "size": size})
}

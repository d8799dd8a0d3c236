package rpc

import "strings"

// The parts of a W3C traceparent: "00-" and 32 digits of the trace, "-" and 16 of
// the span, "-" and two of flags.
const (
	traceFrom = 3
	traceTo   = traceFrom + 32
	spanTo    = traceTo + 1 + 16
	parentLen = spanTo + 1 + 2
)

// TraceID is the trace of a traceparent: 32 hexadecimal digits; "" for what the
// W3C's recommendation (trace-context, 3.2) tells to ignore. A version that is not
// known yet may have more behind what is read here.
func TraceID(traceparent string) string {
	s := traceparent
	switch {
	case len(s) < parentLen || s[traceFrom-1] != '-' || s[traceTo] != '-' || s[spanTo] != '-',
		len(s) > parentLen && (s[:2] == "00" || s[parentLen] != '-'),
		!lowerHex(s[:2]) || s[:2] == "ff" || !lowerHex(s[parentLen-2:parentLen]),
		!lowerHex(s[traceFrom:traceTo]) || zeros(s[traceFrom:traceTo]),
		!lowerHex(s[traceTo+1:spanTo]) || zeros(s[traceTo+1:spanTo]):
		return ""
	}
	return s[traceFrom:traceTo]
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func zeros(s string) bool { return strings.Trim(s, "0") == "" }

package rpc

import "time"

// Meta holds a call's own options (protocol: "meta" beside "params"). The zero
// value means "nothing asked for". Unknown members are ignored, a known member
// of the wrong type is -32602.
type Meta struct {
	Timeout     time.Duration // timeout_ms; 0 = none asked for (a 0 or negative one on the wire is -32602)
	Traceparent string        // W3C trace context
	Idempotent  bool          // may be run again after a worker is lost
	Affinity    string        // same worker while it lives
	Stream      bool          // generator items as $/progress
	Encoding    string        // "json" (default) or "tagged"
	Returns     string        // "value" (default), "ref", "none"
	Progress    bool          // the function's own reports are sent
	Ref         string        // the handle a $ref.* method is for
}

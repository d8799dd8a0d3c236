// Package logs makes the daemon's logger: hclog, as text, JSON, or entries of
// the journal with a field for each key, over a writer that never blocks whoever
// logs.
//
// What goes into a line may come from a worker or a host, so control
// characters are escaped: nobody forges a line or moves an operator's cursor.
package logs

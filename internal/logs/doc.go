// Package logs makes the daemon's logger: hclog, as text, JSON, or entries of
// the journal with a field for each key, over a writer that never blocks whoever
// logs.
//
// hclog writes JSON in each case, with no key but Keys; what is no JSON is made of
// it behind that writer (texts, entries), so that a line says the same in every
// format and whoever logs waits for none of that.
//
// What goes into a line may come from a worker or a host, so control
// characters are escaped: nobody forges a line or moves an operator's cursor.
package logs

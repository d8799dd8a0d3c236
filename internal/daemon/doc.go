// Package daemon is floor 3's heart: it joins what a worker runs (render), who
// runs it (pool) and who asks (rpc) into one process.
//
// A call comes in on a host connection's reader goroutine. The router finds
// the pool whose name prefixes the function's and submits the call on that
// same goroutine; nothing is looked up under a lock. Pools that nobody
// declared are made on first use where the import policy allows it, and are
// forgotten when nobody uses them.
//
// The daemon has two doors: hosts call functions and mochi.import; operators,
// on the control socket, ask for status and restart workers. Nothing below
// this package logs: what happens there comes here as typed events, and
// observe.go is the one place where they become lines.
//
// A service manager is told how far it is (notify.go): ready when every declared
// pool is ready or known broken, more time while modules are imported, reloading,
// and stopping with as long as the drain may last. Its watchdog is fed behind a
// call to ourselves (watchdog.go).
package daemon

package main

import "github.com/mochilang/mochi-pyd/internal/sock"

// environment says what the variables do that the program reads, for the manual
// and the page of commands. What workers get of them is the configuration's.
var environment = []struct{ name, meaning string }{
	{sock.HostVariable, "the hosts' socket, for serve to bind and for the others to find"},
	{sock.ControlVariable, "the operators' socket; without it, the one beside the hosts'"},
	{"XDG_RUNTIME_DIR", "its directory mochi-pyd has the sockets of a daemon that was told no others; without it, a 0700 directory of the user's in the temporary one"},
	{"TMPDIR", "the temporary directory"},
	{"RUNTIME_DIRECTORY", "serve: where the service manager wants the workers' scripts"},
	{"VIRTUAL_ENV", "serve, doctor, pkg run: the interpreter of that environment, where nothing names another"},
	{"PYTHONPATH", "serve without a configuration: where the workers find modules, too"},
	{"NO_COLOR", "top, serve: no colour on a terminal either"},
	{"TERM", "top: dumb has the tables printed once"},
	{"NOTIFY_SOCKET", "serve: where the service manager is told that it is ready, reloads and ends"},
	{"JOURNAL_STREAM", "serve: the log goes to the journal with its fields"},
	{"GOMAXPROCS", "serve: how many cores the daemon's own work may use; half of them if it is not set"},
}

// Package sock binds and finds the daemon's Unix sockets: where they are, who
// may reach them, who owns them, and what to say when one does not answer.
//
// A socket is bound under umask 0177, so there is no moment in which more than
// its owner could connect; group and mode are widened after that. A lock file
// beside it, held for the daemon's life, is what makes a daemon live: whoever
// holds it may take over a socket that is left behind, and nobody else may.
package sock

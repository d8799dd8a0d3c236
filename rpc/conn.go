package rpc

// Conn is one host's connection to a Server.
type Conn struct{}

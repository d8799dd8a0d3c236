package rpc

// Version is the only protocol version there is.
const Version = "2.0"

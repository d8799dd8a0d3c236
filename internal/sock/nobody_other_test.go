//go:build !linux

package sock

// becomeNobody: no thread of these kernels has rights of its own; as root the
// test that wants it fails, and it is not run as root.
func becomeNobody() {}

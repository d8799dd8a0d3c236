package rpc

import (
	"testing"
	"unsafe"
)

// TestACallFitsItsSizeClass: the next one after 512 bytes is 576, and clearing
// them shows in what a pipelined call costs.
func TestACallFitsItsSizeClass(t *testing.T) {
	const class = 512
	if size := unsafe.Sizeof(Call{}); size > class {
		t.Errorf("a Call has %d bytes, more than %d: put what nearly no call has behind a pointer", size, class)
	}
}

package render

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"strings"
)

// launchHead is what a file of bytecode begins with: the magic number of the
// interpreters that read it, and at launchLength the length of the rest.
const (
	launchHead   = 16
	launchLength = 12
)

// Launch gives what an interpreter is to be started with for the script that Put
// gave: the script, or the bytecode of it and of the runtime that its first worker
// has left beside it (launch.py), which saves a start half a millisecond.
//
// tag and magic are the interpreter's. A file with another magic number, or half of
// one, would be a start that fails and not one that is slow, so the head is read
// before each start. The rest needs no look: the directory is named by the content
// of the script, which names the runtime's, and Put has just compared both.
func Launch(script, tag, magic string) string {
	want, err := hex.DecodeString(magic)
	if tag == "" || err != nil || len(want) == 0 || len(want) > launchLength {
		return script
	}
	path := strings.TrimSuffix(script, ".py") + "." + tag + ".pyc"
	f, err := os.Open(path)
	if err != nil {
		return script
	}
	defer f.Close()
	var head [launchHead]byte
	info, err := f.Stat()
	if err != nil {
		return script
	}
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return script
	}
	length := int64(binary.LittleEndian.Uint32(head[launchLength:]))
	if string(head[:len(want)]) != string(want) || info.Size() != launchHead+length {
		return script
	}
	return path
}

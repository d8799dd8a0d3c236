package render

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"strings"
)

// launchHead is what a file of bytecode begins with: the magic number of the
// interpreters that read it, and the checksum and the length of the rest.
const (
	launchHead   = 16
	launchSum    = 8
	launchLength = 12
)

// Launch gives what an interpreter is to be started with for the script that Put
// gave: the script, or the bytecode of it and of the runtime that its first worker
// has left beside it (launch.py), which saves a start half a millisecond.
//
// tag and magic are the interpreter's. A file with another magic number, half of
// one, or one that a disk has damaged would be a start that fails and not one that
// is slow, for every worker to come, so all of it is read before each start (40 µs).
// Whose bytecode it is needs no look: the directory is named by the content of the
// script, which names the runtime's, and Put has just compared both.
func Launch(script, tag, magic string) string {
	want, err := hex.DecodeString(magic)
	if tag == "" || err != nil || len(want) == 0 || len(want) > launchSum {
		return script
	}
	path := strings.TrimSuffix(script, ".py") + "." + tag + ".pyc"
	data, err := os.ReadFile(path)
	if err != nil || len(data) < launchHead || string(data[:len(want)]) != string(want) {
		return script
	}
	head, code := data[:launchHead], data[launchHead:]
	if int64(binary.LittleEndian.Uint32(head[launchLength:])) != int64(len(code)) ||
		binary.LittleEndian.Uint32(head[launchSum:]) != crc32.ChecksumIEEE(code) {
		return script
	}
	return path
}

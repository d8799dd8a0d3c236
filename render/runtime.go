package render

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"sync"
)

// runtimePackage is the name the runtime is imported by.
const runtimePackage = "mochi_pyd"

//go:embed runtime/mochi_pyd/*.py
var runtimeFiles embed.FS

// Runtime is the embedded runtime: a file system that holds the directory
// mochi_pyd and nothing else.
func Runtime() fs.FS {
	sub, err := fs.Sub(runtimeFiles, "runtime")
	if err != nil { // only for a path that is no path
		panic(fmt.Sprintf("render: the embedded runtime: %v", err))
	}
	return sub
}

// RuntimeDigest names the runtime by its content; a worker reports it in
// mochi.ready.
func RuntimeDigest() string { return runtimeDigest() }

var runtimeDigest = sync.OnceValue(func() string {
	var b bytes.Buffer
	for _, f := range runtimeSources() {
		fmt.Fprintf(&b, "%s %d\n%s", f.name, len(f.source), f.source)
	}
	return digest(b.Bytes())
})

// sourceFile is one file of the runtime, by its name inside mochi_pyd.
type sourceFile struct {
	name   string
	source []byte
}

// runtimeSources lists the runtime in the order of its names.
func runtimeSources() []sourceFile { return allSources() }

var allSources = sync.OnceValue(func() []sourceFile {
	entries, err := fs.ReadDir(Runtime(), runtimePackage)
	if err != nil {
		panic(fmt.Sprintf("render: the embedded runtime: %v", err))
	}
	files := make([]sourceFile, 0, len(entries))
	for _, e := range entries {
		source, err := fs.ReadFile(Runtime(), runtimePackage+"/"+e.Name())
		if err != nil {
			panic(fmt.Sprintf("render: the embedded runtime: %v", err))
		}
		files = append(files, sourceFile{e.Name(), source})
	}
	return files
})

// digestLength is how much of a SHA-256 names a content: 128 bits, which nobody
// can make collide by accident and a person can still compare.
const digestLength = 32

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])[:digestLength]
}

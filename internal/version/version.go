// Package version says which build this is.
package version

import (
	"runtime"
	"runtime/debug"
)

// Info is what mochi.version and the version command print.
type Info struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Of gives the build's own story; stamped is what the linker wrote, and wins.
func Of(stamped string) Info {
	info := Info{Version: stamped, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				info.Revision = s.Value
			}
		}
		if info.Version == "" && build.Main.Version != "" {
			info.Version = build.Main.Version
		}
	}
	if info.Version == "" {
		info.Version = "unversioned"
	}
	return info
}

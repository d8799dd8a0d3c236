// Package config reads the daemon's configuration: strict TOML, where an
// unknown key, a missing unit or a number out of range is an error that shows
// the line and points at the place.
//
// The structs in daemon.go and pool.go are the one source of every key: name,
// default, bounds and documentation stand in their field tags. The loader, the
// flags that override keys, and whatever lists the keys (Keys) read those tags,
// so a key cannot exist in one place and be missing in another.
//
// A document is read in two passes. The TOML decoder validates it whole and
// gives the values; the same library's parser then walks it again for the
// positions, because the decoder forgets where a value stood. Values go into
// layers (defaults, pool-defaults, the pool's own table, flags) and a pool's
// settings are the layers laid over each other, each value with its Origin.
package config

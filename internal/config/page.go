package config

import (
	"fmt"
	"strings"
)

// pageHead is what the page says before its tables.
const pageHead = `# Configuration

<!-- Written from the program's own keys (internal/config): change them there,
then run MOCHI_PYD_UPDATE=1 go test ./internal/config -->

` + "`mochi-pyd serve --config FILE`" + ` reads TOML. Names are kebab-case; a duration has a
unit ("30s", "1m30s", "100ms"), and so has a size ("512MiB", "1GiB"; "0" needs none). A key
that does not exist is an error, with its line and column and the nearest that
does: ` + "`mochi-pyd check FILE`" + ` says so beforehand, and exits with 78. Relative paths
are relative to the file.

` + "`mochi-pyd config show`" + ` prints what is in force, and where it was said;
` + "`mochi-pyd config diff`" + ` what the file says otherwise by now; ` + "`mochi-pyd config schema`" + `
a JSON schema, for editors.

` + "`mochi-pyd reload`" + ` (or SIGHUP) reads the file again and touches only what changed.
A file that is wrong changes nothing. What becomes of a key depends on the key:

| Reload | Meaning |
|---|---|
| live | it holds at once; no worker is touched |
| rolling | the pool's workers are replaced one after another, each when its successor is ready; when the first does not start, the pool stays as it was |
| replaced | a new pool is started, and takes the place of the old one when it is ready |
| restart | it waits for the next start of the daemon; until then ` + "`status`" + ` and ` + "`config diff`" + ` name it |

A pool that is new in the file starts, one that is gone from it drains, and all
the others keep their workers.
`

// Page is the documentation of every key, in Markdown.
func Page() string {
	var b strings.Builder
	b.WriteString(pageHead)
	b.WriteString("\n## [daemon]\n\n")
	page(&b, daemonKeys)
	b.WriteString("\n## [pool-defaults]\n\nEvery key may be set again in a pool's own table.\n\n")
	page(&b, defaultKeys)
	b.WriteString("\n## [pools.NAME]\n\nEvery key of [pool-defaults], and:\n\n")
	own := table{}
	for _, k := range poolKeys.keys {
		if defaultKeys.byName[k.Name] == nil {
			own.keys = append(own.keys, k)
		}
	}
	page(&b, own)
	return b.String()
}

func page(b *strings.Builder, t table) {
	b.WriteString("| Key | Type | Default | Reload | Meaning |\n|---|---|---|---|---|\n")
	for i := range t.keys {
		k := &t.keys[i]
		typ := k.Type()
		switch {
		case len(k.Enum) > 0:
			typ = strings.Join(k.Enum, ", ")
		case k.Min != "":
			typ += ", " + k.Min + " to " + k.Max
		}
		standard := "–"
		if v := k.defaultValue(); v != nil {
			standard = "`" + text(v) + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", k.Name, typ, standard, k.Apply, strings.ReplaceAll(k.Doc, "|", `\|`))
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func (a *app) events() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events [POOL[/SLOT]]",
		Short: "what happened to workers and pools, and what operators did",
		Long: `Show what happened to workers, pools and the daemon, oldest first, in the words
of the daemon's log; what workers print is in logs. The daemon remembers the last
2,000.`,
		Example: `  mochi-pyd events
  mochi-pyd events -f numpy
  mochi-pyd events --since 10m --level warning
  mochi-pyd events -o json | jq 'select(.event == "worker_exited")'`,
		Args: cobra.MaximumNArgs(1),
	}
	r := records{app: a, cmd: cmd, method: "mochi.events", noun: "events", print: a.printEvent}
	r.flags()
	return cmd
}

// eventDetails are the keys that a line shows beside its message; -o wide shows
// all of them.
var eventDetails = []string{"reason", "signal", "exit_code", "from", "to", "function", "params", "backoff_ms", "error", "last_line"}

func (a *app) printEvent(format string, raw json.RawMessage) error {
	var e daemon.Event
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	var text string
	switch format {
	case outJSON:
		text = string(raw)
	case outName:
		text = e.Event
	default:
		who := e.Pool
		if e.Slot != nil {
			who = fmt.Sprintf("%s/%d", e.Pool, *e.Slot)
		}
		keys := eventDetails
		if format == outWide {
			keys = slices.Sorted(maps.Keys(e.Fields))
		}
		var details strings.Builder
		for _, key := range keys {
			if value, ok := e.Fields[key]; ok {
				fmt.Fprintf(&details, " %s=%s", key, quotedIfNeeded(fmt.Sprint(value)))
			}
		}
		text = fmt.Sprintf("%s %s %-16s %s%s", clock(e.At), level(e.Level), orDash(who), indented(plain(e.Message)), plain(details.String()))
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}

func quotedIfNeeded(s string) string {
	if s == "" || strings.ContainsAny(s, " \n\t\"") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

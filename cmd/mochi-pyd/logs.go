package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func (a *app) logs() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs POOL[/SLOT]",
		Short: "what a pool's workers wrote: a traceback is one record",
		Long: `Show what a pool's workers printed and logged, oldest first. The daemon
remembers the last 2,000 records of each pool, 4 MiB at most; its own log has
them all. A traceback is one record, however many lines it has.`,
		Example: `  mochi-pyd logs numpy
  mochi-pyd logs -f numpy/1 --level warning
  mochi-pyd logs numpy --since 5m -n 100
  mochi-pyd logs numpy -o json | jq -r 'select(.request_id == "7") | .message'`,
		Args: oneTarget("logs"),
	}
	r := records{app: a, cmd: cmd, method: "mochi.logs", noun: "records", print: a.printLog}
	r.flags()
	return cmd
}

func (a *app) printLog(format string, raw json.RawMessage) error {
	var l daemon.LogLine
	if err := json.Unmarshal(raw, &l); err != nil {
		return err
	}
	var text string
	switch format {
	case outJSON:
		text = string(raw)
	case outName:
		text = writer(l)
	default:
		head := fmt.Sprintf("%s %s %s", clock(l.At), writer(l), level(l.Level))
		if format == outWide {
			head += fmt.Sprintf(" pid=%d %s", l.PID, l.Stream)
			for _, pair := range [][2]string{{"logger", l.Logger}, {"id", l.RequestID}, {"function", l.Function}, {"trace", l.TraceID}} {
				if pair[1] != "" {
					head += " " + pair[0] + "=" + pair[1]
				}
			}
		}
		if l.Dropped > 0 && l.Stream != "daemon" { // whose own message says so
			head += fmt.Sprintf(" (%d lines dropped before)", l.Dropped)
		}
		text = head + "  " + indented(plain(l.Message))
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}

// writer is who wrote a record: a worker, the process that forks a pool's workers,
// or the daemon, which speaks of the whole pool.
func writer(l daemon.LogLine) string {
	switch {
	case l.Stream == "daemon":
		return l.Pool
	case l.Slot < 0:
		return l.Pool + "/preload"
	}
	return fmt.Sprintf("%s/%d", l.Pool, l.Slot)
}

// level is a level in as many letters as the longest common one.
func level(word string) string {
	switch word {
	case "warning", "warn":
		return "WARN "
	case "critical":
		return "CRIT "
	}
	return fmt.Sprintf("%-5s", strings.ToUpper(word))
}

// indented sets the lines of a record that follow its first under it.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}

// oneTarget wants one POOL or POOL/SLOT.
func oneTarget(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s needs one POOL or POOL/SLOT", command)
		}
		return nil
	}
}

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	buildinfo "github.com/mochilang/mochi-pyd/internal/version"
)

// manpage writes the manual from the commands themselves. Rejected: cobra's own
// generator, which goes through Markdown and would bring three libraries into the
// program for it.
func (a *app) manpage() *cobra.Command {
	return &cobra.Command{
		Use:     "manpage [DIR]",
		Short:   "write the manual pages into a directory, or all of them as one on stdout",
		Hidden:  true,
		Example: "  mochi-pyd manpage | man -l -\n  mochi-pyd manpage /usr/share/man/man1",
		Args:    mayTake("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return manual(a.out, cmd.Root(), true)
			}
			for _, c := range append([]*cobra.Command{cmd.Root()}, documented(cmd.Root())...) {
				f, err := os.Create(filepath.Join(args[0], manName(c)+".1"))
				if err != nil {
					return &exit{code: exitFailed, err: err}
				}
				err = manual(f, c, false)
				if closed := f.Close(); err == nil {
					err = closed
				}
				if err != nil {
					return &exit{code: exitFailed, err: err}
				}
			}
			return nil
		},
	}
}

// documented are the commands below one, as the documentation has them.
func documented(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.Name() == "help" || sub.Deprecated != "" {
			continue
		}
		all = append(append(all, sub), documented(sub)...)
	}
	return all
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manual writes a page in the roff of man(7); whole: with all commands below.
func manual(out io.Writer, c *cobra.Command, whole bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"mochi-pyd %s\" \"mochi-pyd\"\n", roff(strings.ToUpper(manName(c))), roff(buildinfo.Of(version).Version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.nf\n%s\n.fi\n", roff(manName(c)), roff(c.Short), roff(c.UseLine()))
	if c.Long != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(c.Long))
	}
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, ".SH ALIASES\n%s\n", roff(strings.Join(c.Aliases, ", ")))
	}
	commands := c.Commands()
	if whole {
		commands = documented(c)
	}
	if len(commands) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range commands {
			if sub.Hidden || sub.Name() == "help" {
				continue
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimPrefix(sub.UseLine(), "mochi-pyd ")), roff(sub.Short))
			if whole {
				manFlags(&b, sub.LocalNonPersistentFlags(), ".br\n")
			}
		}
	}
	if c.LocalFlags().HasAvailableFlags() || c.HasParent() {
		b.WriteString(".SH OPTIONS\n")
		manFlags(&b, c.LocalFlags(), ".TP\n")
		if c.HasParent() {
			manFlags(&b, c.InheritedFlags(), ".TP\n")
		}
	}
	if c.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(c.Example))
	}
	if whole || !c.HasParent() {
		b.WriteString(".SH ENVIRONMENT\n")
		for _, e := range environment {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", e.name, roff(e.meaning))
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", e.code, roff(e.meaning))
	}
	if c.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(manName(c.Parent())))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func manFlags(b *strings.Builder, flags *pflag.FlagSet, before string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		fmt.Fprintf(b, "%s.B %s\n%s\n", before, roff(flagText(f)), roff(usageText(f)))
	})
}

// flagText is a flag as it is typed: "-n, --lines N".
func flagText(f *pflag.Flag) string {
	text := "--" + f.Name
	if f.Shorthand != "" {
		text = "-" + f.Shorthand + ", " + text
	}
	if name, _ := pflag.UnquoteUsage(f); name != "" {
		text += " " + name
	}
	return text
}

// usageText is what a flag is for, and its default.
func usageText(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	switch f.DefValue {
	case "", "false", "0", "0s", "[]":
		return usage
	}
	return usage + " (default " + f.DefValue + ")"
}

// roff escapes what troff would take for its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	var b strings.Builder
	for _, r := range strings.Join(lines, "\n") {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else { // a name that every troff knows, whatever encoding it reads
			fmt.Fprintf(&b, "\\[u%04X]", r)
		}
	}
	return b.String()
}

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// promised are the commands that operators were promised, by every name they
// have and with every flag.
var promised = []struct{ names, flags string }{
	{"serve", "log-level log-format dev"},
	{"call", "kw params timeout stream"},
	{"status", "output"},
	{"ps workers ls list", "output"},
	{"top monit", ""},
	{"describe show info", "output"},
	{"logs", "follow lines since level output"},
	{"restart", "all hard wait timeout"},
	{"reload", "wait all timeout"},
	{"scale", "wait timeout"},
	{"pause", ""},
	{"resume", ""},
	{"kill", "signal"},
	{"events", "follow lines output"},
	{"shutdown", "now wait timeout"},
	{"check", "strict output"},
	{"config/show", "output"},
	{"config/diff", "output"},
	{"config/schema", ""},
	{"doctor", "user output"},
	{"init", ""},
	{"render", "bundle out"},
	{"pkg/run", ""},
	{"version", "output"},
	{"completion/bash", ""},
	{"completion/zsh", ""},
	{"completion/fish", ""},
	{"manpage", ""},
}

// shorthands are what fingers know.
var shorthands = map[string]string{"follow": "f", "lines": "n", "signal": "s", "output": "o"}

func theProgram() *cobra.Command {
	root := (&app{in: os.Stdin, out: os.Stdout, err: os.Stderr}).root()
	root.InitDefaultHelpFlag()
	for _, c := range documented(root) {
		c.InitDefaultHelpFlag()
	}
	return root
}

// TestEveryPromisedCommandIsThereWithItsFlags: no name and no flag that somebody
// has learned goes away unseen.
func TestEveryPromisedCommandIsThereWithItsFlags(t *testing.T) {
	root := theProgram()
	for _, flag := range []string{"socket", "control-socket", "config"} {
		if root.PersistentFlags().Lookup(flag) == nil {
			t.Errorf("--%s is no flag of every command", flag)
		}
	}
	for _, p := range promised {
		for _, name := range strings.Fields(p.names) {
			path := strings.Split(name, "/")
			c, rest, err := root.Find(path)
			if err != nil || len(rest) > 0 {
				t.Errorf("there is no %s: %v", name, err)
				continue
			}
			for _, flag := range strings.Fields(p.flags) {
				f := c.Flags().Lookup(flag)
				if f == nil {
					t.Errorf("%s has no --%s", name, flag)
				} else if f.Shorthand != shorthands[flag] {
					t.Errorf("%s has -%s for --%s, want -%s", name, f.Shorthand, flag, shorthands[flag])
				}
			}
		}
	}
	if c, _, _ := root.Find([]string{"manpage"}); !c.Hidden {
		t.Error("manpage is not hidden")
	}
}

// typed finds our program in a text with what follows it on the line, until
// something that no shell would hand to it.
var typed = regexp.MustCompile("mochi-pyd((?: [^\\s`\"'|&;)(→…]+)+)")

// prose are the words that follow the program's name in sentences about it.
var prose = strings.Fields("alice as authors calls cannot carries configuration for has is says scoreboard tells where with worker")

// TestWhatTextsSayToTypeIsThere: the documentation, the messages and the units
// name no command and no flag that the program does not have.
func TestWhatTextsSayToTypeIsThere(t *testing.T) {
	root := theProgram()
	lines := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name == "testdata" || strings.HasPrefix(name, ".") && strings.Trim(name, ".") != "" && name != ".github" {
				return fs.SkipDir
			}
			return nil
		case strings.HasSuffix(name, "_test.go") || !slices.Contains([]string{".md", ".go", ".service", ".socket", ".conf", ".toml", ".sh", ".yml", ".yaml", ".rules"}, filepath.Ext(name)):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range typed.FindAllStringSubmatch(string(text), -1) {
			lines++
			if wrong := mistyped(root, strings.Fields(m[1])); wrong != "" {
				t.Errorf("%s says %q: %s", path, strings.TrimSpace(m[0]), wrong)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines < 300 {
		t.Errorf("%d lines were looked at, and there are more", lines)
	}
}

// mistyped says what of a command line the program does not have.
func mistyped(root *cobra.Command, words []string) string {
	c := root
	if strings.HasPrefix(words[0], "-") {
		return "" // our name is another program's argument, as in journalctl -u
	}
	for _, word := range words {
		word = strings.TrimRight(word, ".,:")
		switch {
		case strings.HasPrefix(word, "--"):
			name, _, _ := strings.Cut(word[2:], "=")
			if name != "" && !hasFlag(c, func(f *pflag.Flag) bool { return f.Name == name }) {
				return c.CommandPath() + " has no flag --" + name
			}
		case len(word) == 2 && word[0] == '-' && word[1] >= 'a' && word[1] <= 'z':
			if !hasFlag(c, func(f *pflag.Flag) bool { return f.Shorthand == word[1:] }) {
				return c.CommandPath() + " has no flag " + word
			}
		case c.HasSubCommands():
			if !isWord(word) || slices.Contains(prose, word) && c == root {
				return ""
			}
			sub := below(c, word)
			if sub == nil && c == root {
				return "there is no command " + word
			}
			if sub == nil {
				return "" // a sentence goes on behind a group's name
			}
			c = sub
		}
	}
	return ""
}

func isWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

func below(c *cobra.Command, word string) *cobra.Command {
	for _, sub := range c.Commands() {
		if sub.Name() == word || sub.HasAlias(word) {
			return sub
		}
	}
	return nil
}

func hasFlag(c *cobra.Command, is func(*pflag.Flag) bool) bool {
	found := false
	for _, set := range []*pflag.FlagSet{c.Flags(), c.InheritedFlags(), c.PersistentFlags()} {
		set.VisitAll(func(f *pflag.Flag) { found = found || is(f) })
	}
	return found
}

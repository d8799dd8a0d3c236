package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

// What is said of a command line that is wrong. Rejected: cobra's own sentences,
// "accepts 1 arg(s), received 0" and `unknown command "now" for "mochi-pyd
// shutdown"`, which say neither what is missing nor what was meant.

// wants is for a command that takes exactly one word.
func wants(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s needs one %s", cmd.Name(), what)
		}
		return nil
	}
}

// mayTake is for a command that takes one word or none.
func mayTake(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%s takes one %s: leave %q out", cmd.Name(), what, args[1])
		}
		return nil
	}
}

// takesNothing is for a command that takes flags only.
func takesNothing(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s takes no arguments: leave %q out", cmd.Name(), args[0])
	if cmd.Flags().Lookup(args[0]) != nil {
		text += fmt.Sprintf(" (did you mean %q?)", "--"+args[0])
	}
	return errors.New(text)
}

// takesCommand is for one that only has others below it: it shows them.
func takesCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			known = append(append(known, c.Name()), c.Aliases...)
		}
	}
	if !cmd.HasParent() {
		return fmt.Errorf("unknown command %q%s", args[0], tomldoc.DidYouMean(args[0], known))
	}
	return fmt.Errorf("%s has no command %q: it has %s", cmd.Name(), args[0], strings.Join(known, ", "))
}

// wrongFlag adds to an unknown flag the one that was meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		wanted := map[string]string{"int": "a whole number, 0 or more", "uint64": "a whole number, 0 or more", "duration": "a duration over 0 with its unit, as in 30s", "bool": "true or false"}
		return fmt.Errorf("invalid argument %q for \"--%s\": it wants %s", invalid.GetValue(), invalid.GetFlag().Name, wanted[invalid.GetFlag().Value.Type()])
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	if unknown.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("%w (what is no flag goes after --)", err)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
	return fmt.Errorf("%w%s", err, tomldoc.DidYouMean("--"+unknown.GetSpecifiedName(), known))
}

// someTime is a flag's duration, which is over 0.
type someTime struct{ d *time.Duration }

func (s someTime) String() string {
	if s.d == nil { // pflag asks a zero one
		return "0s"
	}
	return s.d.String()
}

func (s someTime) Type() string { return "duration" }

func (s someTime) Set(word string) error {
	d, err := time.ParseDuration(word)
	switch {
	case err != nil:
		return err
	case d < time.Millisecond:
		return errors.New("too short")
	}
	*s.d = d
	return nil
}

// timeoutFlag adds --timeout.
func timeoutFlag(cmd *cobra.Command, d *time.Duration, otherwise time.Duration, usage string) {
	*d = otherwise
	cmd.Flags().Var(someTime{d}, "timeout", usage)
}

// helpOn is cobra's help, which knows no word that is not there.
func helpOn(cmd *cobra.Command, args []string) error {
	root := cmd.Root()
	about, rest, err := root.Find(args)
	if err == nil && len(rest) > 0 {
		err = takesCommand(about, rest)
	}
	if err != nil {
		return err
	}
	about.InitDefaultHelpFlag()
	return about.Help()
}

// The groups that --help shows the commands in.
const (
	groupUse   = "use"
	groupLook  = "look"
	groupAct   = "act"
	groupSetUp = "set up"
	groupMake  = "make"
)

// arrange puts the commands into groups: at three in the morning nobody reads an
// alphabet of twenty-five.
func arrange(root *cobra.Command) {
	for _, group := range []struct{ id, title, commands string }{
		{groupUse, "Run and call:", "serve call pkg"},
		{groupLook, "Look:", "status ps top describe logs events doctor"},
		{groupAct, "Act:", "restart reload scale pause resume kill shutdown"},
		{groupSetUp, "Set up:", "init check config version completion help"},
		{groupMake, "Make and try:", "bind render selftest"},
	} {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, name := range strings.Fields(group.commands) {
			for _, c := range root.Commands() {
				if c.Name() == name {
					c.GroupID = group.id
				}
			}
		}
	}
}

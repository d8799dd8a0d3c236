package main

import (
	"errors"
	"testing"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/sock"
)

func TestATroubleThatNoStartMendsIsToldAsItIs(t *testing.T) {
	cmd := &cobra.Command{Use: "ps"}
	cmd.Flags().String("socket", "/a/b.sock", "")
	for _, test := range []struct {
		err  *sock.DialError
		want string
	}{
		{
			&sock.DialError{Path: "/a/long", Trouble: sock.Other, Err: errors.New("the path has 200 bytes")},
			"mochi-pyd: cannot connect to /a/long: the path has 200 bytes",
		},
		{
			&sock.DialError{Path: "/a/gone", Trouble: sock.Missing, Hint: "start the daemon: mochi-pyd serve"},
			"mochi-pyd: there is no socket at /a/gone: start the daemon: mochi-pyd serve --socket /a/b.sock",
		},
	} {
		if code, said := explain(cmd, test.err); code != exitUnreachable || said != test.want {
			t.Errorf("%d, %s; want %d, %s", code, said, exitUnreachable, test.want)
		}
	}
}

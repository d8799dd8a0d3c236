package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/words"
	"github.com/mochilang/mochi-pyd/rpc"
)

// timeoutSlack is how long past --timeout an answer is waited for: the daemon
// ends the call at its time and then says what was running, or, of a call that
// does not let itself be ended, only when cancel-grace is over and its worker
// killed.
const timeoutSlack = 3 * time.Second

// maxInput bounds what is read from standard input: the largest message the
// daemon can be configured to take.
const maxInput = 1 << 30

func (a *app) call() *cobra.Command {
	var kw []string
	var params string
	var timeout time.Duration
	var stream bool
	cmd := &cobra.Command{
		Use:   "call FUNC [JSON…]",
		Short: "call a Python function and print its result as JSON",
		Long: `Call a Python function through the daemon and print its result as JSON,
exactly as it came. Each argument is JSON; a word that is not is taken as a
string. "-" is an argument read from standard input. Numbers may be negative.

With --stream the items of a generator are printed as they come, one a line, and
ctrl-C ends it.`,
		Example: `  mochi-pyd call math.pow -2 3
  mochi-pyd call os.path.join /srv data
  mochi-pyd call json.dumps '{"a":1}' --kw indent=2
  echo '[1,2,3]' | mochi-pyd call statistics.mean -
  mochi-pyd call numpy.linalg.norm --params '{"x":[3,4]}'
  mochi-pyd call --stream itertools.count 10`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("call needs a function, as in math.sqrt")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			args = words.Unprotect(args)
			var raw json.RawMessage
			var err error
			// A --params "$EMPTY" is a mistake, and not a call without any.
			if cmd.Flags().Changed("params") {
				raw, err = a.wholeParams(args[1:], kw, params)
			} else {
				raw, err = a.callParams(args[1:], kw)
			}
			if err != nil {
				return err
			}
			if stream {
				return a.runStream(cmd.Context(), args[0], raw, timeout)
			}
			return a.runCall(cmd.Context(), args[0], raw, timeout)
		},
	}
	cmd.Flags().StringArrayVar(&kw, "kw", nil, "a keyword argument, `NAME=JSON`; may be repeated")
	cmd.Flags().StringVar(&params, "params", "", "all parameters at once, a JSON array or object; \"-\" reads them")
	cmd.Flags().BoolVar(&stream, "stream", false, "print the items of a generator as they come, one a line")
	timeoutFlag(cmd, &timeout, 0, "how long the call may take, as in 1s")
	return cmd
}

func (a *app) runCall(ctx context.Context, function string, params json.RawMessage, timeout time.Duration) error {
	path, err := a.hostPath()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	var meta json.RawMessage
	if timeout > 0 {
		meta = fmt.Appendf(nil, `{"timeout_ms":%d}`, timeout.Milliseconds())
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout+timeoutSlack, exitf(exitTimeout, "%s did not answer within %s: mochi-pyd ps shows whether it still runs", function, timeout))
		defer cancel()
	}
	result, err := ask(ctx, path, function, params, meta)
	if err != nil {
		return a.traceback(err)
	}
	_, err = a.out.Write(append(result, '\n'))
	return err
}

// traceback prints an exception as Python does, which says all there is to say
// of it; any other error is for the caller's caller.
func (a *app) traceback(err error) error {
	var remote *rpc.Error
	if !errors.As(err, &remote) {
		return err
	}
	text := troubleOf(remote).Text
	if remote.Kind() != rpc.KindPythonError || text == "" {
		return err
	}
	fmt.Fprintln(a.err, plain(strings.TrimSuffix(text, "\n")))
	return &exit{code: exitFailed, err: remote, quiet: true}
}

// callParams builds the params member: an array, an object, or, when there are
// both kinds of arguments, an object with the positional ones under "*". No
// argument at all is no params, which also reads an attribute.
func (a *app) callParams(args, kw []string) (json.RawMessage, error) {
	list := make([]json.RawMessage, len(args))
	read := false
	for i, word := range args {
		if word == "-" {
			if read {
				return nil, errors.New("standard input is read once: only one argument can be -")
			}
			read = true
			text, err := a.readInput()
			if err != nil {
				return nil, err
			}
			if word = strings.TrimSpace(text); word == "" { // what was to write it has failed
				return nil, exitf(exitFailed, `standard input is empty: nothing was called; an empty string is '""'`)
			}
		}
		list[i] = words.Value(word)
	}
	if len(kw) == 0 {
		if len(list) == 0 {
			return nil, nil
		}
		return words.Array(list), nil
	}
	var b bytes.Buffer
	b.WriteByte('{')
	seen := map[string]bool{}
	for i, pair := range kw {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" || name == "*" || seen[name] {
			return nil, fmt.Errorf("--kw wants NAME=JSON, each name once, not %q", pair)
		}
		seen[name] = true
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(words.Quoted(name))
		b.WriteByte(':')
		b.Write(words.Value(text))
	}
	if len(list) > 0 {
		b.WriteString(`,"*":`)
		b.Write(words.Array(list))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (a *app) wholeParams(args, kw []string, params string) (json.RawMessage, error) {
	if len(args) > 0 || len(kw) > 0 {
		return nil, errors.New("--params is all the parameters: leave the other arguments out")
	}
	if params == "-" {
		text, err := a.readInput()
		if err != nil {
			return nil, err
		}
		params = text
	}
	raw, ok := words.Compact(params)
	if !ok || raw[0] != '[' && raw[0] != '{' {
		return nil, errors.New("--params wants a JSON array or object")
	}
	return raw, nil
}

func (a *app) readInput() (string, error) {
	text, err := io.ReadAll(io.LimitReader(a.in, maxInput))
	if err != nil {
		return "", exitf(exitFailed, "standard input: %w", err)
	}
	return string(text), nil
}

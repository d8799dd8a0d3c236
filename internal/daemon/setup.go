package daemon

import (
	"context"
	"fmt"
	"slices"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/rpc"
)

// setup is the configuration in force. It is replaced as a whole; who reads it
// takes no lock. What pools are made of is with each pool.
type setup struct {
	config  *config.Config // as it was read last, with the flags over it
	daemon  config.Daemon  // with the keys of the start where only a restart changes them
	pending []string       // what the file says and is not in force
}

func (d *Daemon) settings() *config.Daemon { return &d.now.Load().daemon }

func (d *Daemon) config() *config.Config { return d.now.Load().config }

// The shapes of mochi.config.
type (
	// Configuration is what is in force.
	Configuration struct {
		File     string           `json:"file,omitempty"`
		Settings []config.Setting `json:"settings"`
	}
	// Difference is what the file says otherwise by now.
	Difference struct {
		File string      `json:"file,omitempty"`
		Plan config.Plan `json:"plan"`
		Text string      `json:"text"`
	}
)

// showConfig is mochi.config: what is in force and where it was said, of all or
// of one pool; or, with diff, what a reload would do.
func (d *Daemon) showConfig(c *rpc.Call) {
	var p struct {
		Pool string `json:"pool"`
		Diff bool   `json:"diff"`
	}
	if err := bind(c, &p, "pool", "diff"); err != nil {
		c.Fail(err)
		return
	}
	chosen, err := d.chosen(p.Pool)
	if err != nil {
		c.Fail(err)
		return
	}
	d.later(c, func(context.Context) (any, error) {
		file := d.config().File
		if p.Diff {
			next, err := d.config().Again()
			if err != nil {
				return nil, wrongConfig(err)
			}
			plan := slices.DeleteFunc(d.plan(next).steps, func(s config.Step) bool {
				return s.Action == config.ActionUnchanged || p.Pool != "" && s.Pool != p.Pool
			})
			return Difference{file, plan, plan.String()}, nil
		}
		out := Configuration{File: file, Settings: []config.Setting{}}
		if p.Pool == "" {
			out.Settings = append(d.settings().Settings(file), d.config().DefaultSettings()...)
		}
		for _, s := range chosen {
			out.Settings = append(out.Settings, settingsOf(s.settings(), file, s.pool.Stat().Workers)...)
		}
		for i, s := range out.Settings {
			out.Settings[i] = s.Hidden()
		}
		return out, nil
	})
}

// wrongConfig is a file that cannot be used, as an answer. The message is the
// one that check prints: place, sentence, line and caret.
func wrongConfig(err error) *rpc.Error {
	return rpc.NewError(rpc.KindInvalidParams, err.Error(), rpc.Fields{"argument": "config"})
}

// keepsOld says of a pool that could not be given its new settings what serves.
func keepsOld(s *served, why *rpc.Error) *rpc.Error {
	if why.Kind() == rpc.KindShuttingDown {
		return why
	}
	what := "it goes on with the settings it had"
	if s.pool.Stat().Ready == 0 {
		what = "it keeps the settings it had, and nothing of it serves"
	}
	return &rpc.Error{Code: why.Code, Message: fmt.Sprintf("%s (%s)", why.Message, what), Data: why.Data}
}

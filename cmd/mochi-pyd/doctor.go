package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/internal/sock"
)

// The levels of a finding.
const (
	doctorOK   = "ok"
	doctorWarn = "warn"
	doctorFail = "fail"
)

// finding is one thing that doctor looked at.
type finding struct {
	Level string `json:"level"`
	Check string `json:"check"`
	Text  string `json:"text"`
	Fix   string `json:"fix,omitempty"` // what to do about it
}

// serviceUser is who the service runs as, where there is one.
const serviceUser = "mochi-pyd"

// doctor looks at the machine with a service user's eyes.
type doctor struct {
	app      *app
	config   *config.Config
	given    bool // by --config
	who      visitor
	status   *daemon.Status // nil: no daemon answers
	findings []finding
}

func (a *app) doctor() *cobra.Command {
	var format, name string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "look for what keeps workers from starting: interpreters, sockets, limits, cgroups",
		Long: `Look at everything that a daemon and its workers need, with a daemon or without
one: the configuration, each link on the way to each interpreter as the service's
user, whether the modules import and could be preloaded, the sockets, the limits,
cgroups, and how the pools are. Each line is ok, warn or fail, with what to do about
it. The exit code is 1 when something failed.`,
		Example: `  mochi-pyd doctor
  sudo mochi-pyd doctor --config /etc/mochi-pyd/config.toml --user mochi-pyd
  mochi-pyd doctor -o json | jq '.findings[] | select(.level != "ok")'`,
		Args:        takesNothing,
		Annotations: map[string]string{readsConfig: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			c := config.Default()
			if a.config != "" {
				var err error
				if c, err = config.Load(a.config); err != nil {
					return err
				}
			}
			who, err := visitorNamed(name)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			d := &doctor{app: a, config: c, who: who, given: a.config != ""}
			d.look(ctx)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return d.report(format)
		},
	}
	outputFlag(cmd, &format)
	cmd.Flags().StringVar(&name, "user", "", "the `USER` the daemon runs as (default "+serviceUser+" for root where there is one, else the own user)")
	return cmd
}

// look does all checks, in the order in which a start would meet their subjects.
func (d *doctor) look(ctx context.Context) {
	d.lookAtUser()
	d.lookAtSockets(ctx)
	d.lookAtConfiguration()
	d.lookAtInterpreters(ctx)
	d.lookAtLimits()
	d.lookAtKernel()
	d.lookAtPools()
}

// say notes a finding. What is not ok says what to do: doctor.txtar looks.
func (d *doctor) say(level, check, fix, format string, args ...any) {
	d.findings = append(d.findings, finding{Level: level, Check: check, Text: fmt.Sprintf(format, args...), Fix: fix})
}

func (d *doctor) lookAtUser() {
	switch {
	case d.who.uid == 0:
		d.say(doctorWarn, "user", "run the daemon as a user of its own: useradd --system "+serviceUser, "as root, so do the workers, and every Python function they call")
	case !d.who.own && os.Geteuid() != 0:
		d.say(doctorWarn, "user", "sudo mochi-pyd doctor --user "+d.who.name, "looking as %s by permissions alone: only root can run things as another user", d.who.name)
	default:
		d.say(doctorOK, "user", "", "as %s (uid %d)", d.who.name, d.who.uid)
	}
}

// lookAtSockets says whether a daemon answers; that there is none is no failure,
// for doctor is what one runs before the first start.
func (d *doctor) lookAtSockets(ctx context.Context) {
	for _, s := range []struct {
		name string
		find func() (string, error)
	}{{"control-socket", d.app.controlPath}, {"socket", d.app.hostPath}} {
		path, err := s.find()
		if err != nil {
			d.say(doctorFail, s.name, "mochi-pyd check "+d.app.config, "%v", err)
			continue
		}
		conn, err := sock.Dial(ctx, path)
		var dial *sock.DialError
		switch {
		case err == nil:
			_ = conn.Close()
			d.say(doctorOK, s.name, "", "%s answers", path)
		case errors.As(err, &dial) && dial.Trouble == sock.Missing:
			d.say(doctorWarn, s.name, dial.Hint, "there is no socket at %s: no daemon runs", path)
		case errors.As(err, &dial) && dial.Trouble == sock.Stale:
			d.say(doctorWarn, s.name, dial.Hint, "nobody listens on %s: its daemon died", path)
		case errors.As(err, &dial) && dial.Trouble == sock.Forbidden:
			d.say(doctorFail, s.name, dial.Hint, "you may not open %s", path)
		default:
			d.say(doctorFail, s.name, "name a socket with --socket and --control-socket", "%v", err)
		}
	}
	var s daemon.Status
	if _, err := d.app.askControl(ctx, "mochi.status", nil, &s); err == nil {
		d.status = &s
	}
}

// lookAtConfiguration takes that of the daemon that runs, where nobody has named
// another: else its pools' interpreters would not be looked at.
func (d *doctor) lookAtConfiguration() {
	if d.given || d.status == nil || d.status.Daemon.Config == "" {
		return
	}
	file := d.status.Daemon.Config
	if !filepath.IsAbs(file) { // as it was typed, and where
		if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", d.status.Daemon.PID)); err == nil {
			file = filepath.Join(dir, file)
		}
	}
	c, err := config.Load(file)
	if err != nil {
		d.say(doctorWarn, "configuration", "mochi-pyd check "+file, "what the daemon runs with cannot be looked at: %v", err)
		return
	}
	d.config = c
	d.say(doctorOK, "configuration", "", "%s, %s", file, plural(len(c.Pools()), "pool"))
}

// lookAtPools says how the pools of a running daemon are.
func (d *doctor) lookAtPools() {
	if d.status == nil {
		return
	}
	daemon := d.status.Daemon
	if daemon.ConfigDiffers {
		d.say(doctorWarn, "daemon", "mochi-pyd reload applies it, mochi-pyd config diff shows what", "%s has changed since it was read", daemon.Config)
	} else {
		d.say(doctorOK, "daemon", "", "pid %d, version %s, %s for %s", daemon.PID, daemon.Version, daemon.Status, age(fromMS(daemon.UptimeMS)))
	}
	for _, p := range d.status.Pools {
		check := "pool " + p.Pool
		switch {
		case p.Status == "broken" && p.Cause != nil && !p.Declared:
			d.say(doctorWarn, check, "see to who asks for it, or install it", "a host asked for it, and %s", p.Cause.Message)
		case p.Status == "broken" && p.Cause != nil:
			d.say(doctorFail, check, "mochi-pyd describe "+p.Pool, "%s", p.Cause.Message)
		case p.Status == "paused":
			d.say(doctorWarn, check, "mochi-pyd resume "+p.Pool, "it is paused and takes no calls")
		case p.Status == "degraded":
			d.say(doctorWarn, check, "mochi-pyd describe "+p.Pool, "%d of %d workers are ready", p.WorkersReady, p.WorkersDesired)
		default:
			d.say(doctorOK, check, "", "%s, %d of %d workers ready", p.Status, p.WorkersReady, p.WorkersDesired)
		}
	}
}

func (d *doctor) report(format string) error {
	failed := 0
	for _, f := range d.findings {
		if f.Level == doctorFail {
			failed++
		}
	}
	switch format {
	case outJSON:
		if err := d.app.printJSON(map[string]any{"findings": d.findings}); err != nil {
			return err
		}
	case outName:
		var names []string
		for _, f := range d.findings {
			if f.Level != doctorOK {
				names = append(names, f.Check)
			}
		}
		if err := d.app.printNames(names); err != nil {
			return err
		}
	default:
		var b strings.Builder
		width := 0
		for _, f := range d.findings {
			width = max(width, len(f.Check))
		}
		for _, f := range d.findings {
			fmt.Fprintf(&b, "%-4s  %-*s  %s\n", f.Level, width, f.Check, strings.ReplaceAll(plain(f.Text), "\n", "\n"+strings.Repeat(" ", width+8)))
			if f.Fix != "" && (f.Level != doctorOK || format == outWide) {
				fmt.Fprintf(&b, "%*s→ %s\n", width+8, "", plain(f.Fix))
			}
		}
		if _, err := d.app.out.WriteString(b.String()); err != nil {
			return err
		}
	}
	if failed > 0 {
		return exitf(exitFailed, "%s failed", plural(failed, "check"))
	}
	return nil
}

// visitor is a user with whose rights we look.
type visitor struct {
	name     string
	uid, gid int
	groups   []int
	own      bool // it is us
}

// visitorNamed finds a user; without a name the service's for root, else our own.
func visitorNamed(name string) (visitor, error) {
	wanted := name
	if wanted == "" && os.Geteuid() == 0 {
		if _, err := user.Lookup(serviceUser); err == nil {
			wanted = serviceUser
		}
	}
	u := &user.User{Username: "uid " + strconv.Itoa(os.Geteuid()), Uid: strconv.Itoa(os.Geteuid()), Gid: strconv.Itoa(os.Getegid())}
	if wanted != "" {
		var err error
		if u, err = user.Lookup(wanted); err != nil {
			return visitor{}, fmt.Errorf("--user: there is no user %q", wanted)
		}
	} else if named, err := user.Current(); err == nil { // a container may have no name for us
		u = named
	}
	v := visitor{name: u.Username}
	v.uid, _ = strconv.Atoi(u.Uid) // they are numbers where there are Unix sockets
	v.gid, _ = strconv.Atoi(u.Gid)
	v.own = v.uid == os.Geteuid()
	ids, _ := u.GroupIds() // those that are not known open no doors
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil {
			v.groups = append(v.groups, n)
		}
	}
	return v, nil
}

package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// roleVariable makes the test binary play another process of a test.
const roleVariable = "MOCHI_PYD_TEST_ROLE"

func playRole(role string) int {
	if role == "daemon" {
		return playDaemon()
	}
	_, _ = os.Stderr.WriteString("no role " + role + "\n")
	return 2
}

// playDaemon starts workers that hold the GIL in C, with a fork each, says
// their numbers on stdout, and waits to be killed.
func playDaemon() int {
	const workers = 8
	var cfg WorkerConfig
	if err := json.Unmarshal([]byte(os.Getenv(roleVariable+"_COMMAND")), &cfg.Command); err != nil {
		return 3
	}
	cfg.Spawner, cfg.MainSeats, cfg.StopTimeout = OS(), 4, time.Second
	for range workers {
		o := &daemonOwner{forked: make(chan []byte, 1)}
		cfg.Owner = o
		w := StartWorker(context.Background(), cfg)
		<-w.Ready()
		// The fork first, then the GIL is held for ever.
		w.Send(rpc.NewCall("fork", []byte("[600]"), nil), LaneMain, nil)
		child := <-o.forked
		w.Send(rpc.NewCall("gil", nil, nil), LaneMain, nil)
		fmt.Fprintf(os.Stdout, "%d %s\n", w.ID().PID, child)
	}
	fmt.Fprintln(os.Stdout, "all")
	select {}
}

type daemonOwner struct{ forked chan []byte }

func (o *daemonOwner) WorkerReady(*Worker, ReadyInfo)                  {}
func (o *daemonOwner) CallMoved(*Worker, *rpc.Call, string, Kind)      {}
func (o *daemonOwner) WorkerFell(_ *Worker, c []*rpc.Call) []*rpc.Call { return c }
func (o *daemonOwner) WorkerGone(*Worker, Exit, []Orphan) (int, int)   { return 0, 0 }
func (o *daemonOwner) CallPaused(*Worker, *rpc.Call, Lane, Pause)      {}
func (o *daemonOwner) CallVoid(*Worker, *rpc.Call)                     {}

func (o *daemonOwner) SeatFree(*Worker, Lane) {}

func (o *daemonOwner) CallDone(_ *Worker, _ *rpc.Call, a Answer) {
	o.forked <- append([]byte{}, a.Result...)
}

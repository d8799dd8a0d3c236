package supervisor

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOrphanThatDiedInPeaceIsReapedInTheEnd(t *testing.T) {
	var g graves
	z := corpse{pid: 1, start: "2"}
	unclaimed := map[corpse]time.Time{}
	if g.claim(z, stat{session: -1}, unclaimed) {
		t.Error("claimed at first sight")
	}
	g.unknown = map[corpse]time.Time{z: time.Now().Add(-2 * unknownAge)}
	if !g.claim(z, stat{session: -1}, unclaimed) {
		t.Error("not claimed after its time")
	}
	own, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	if g.claim(z, stat{session: own}, unclaimed) {
		t.Error("claimed in our own session")
	}
}

func TestWalkOfProcFindsTheSameChildren(t *testing.T) {
	w, _ := readyMini(t)
	walked := walkChildren(os.Getpid())
	if !slices.Contains(walked, w.ID().PID) || !slices.Contains(ownChildren(), w.ID().PID) {
		t.Errorf("neither or one of %v and %v has %d", walked, ownChildren(), w.ID().PID)
	}
}

func TestOrphansThatEndWhileTheirWorkerLivesAreReaped(t *testing.T) {
	w, _ := readyMini(t)
	var pids []int
	if err := json.Unmarshal([]byte(ask1(t, w, "orphans", 20).result), &pids); err != nil {
		t.Fatal(err)
	}
	if len(pids) != 20 {
		t.Fatalf("%d orphans were made, want 20", len(pids))
	}
	eventually(t, "the orphans are reaped", 10*time.Second, func() bool {
		children := ownChildren()
		return !slices.ContainsFunc(pids, func(pid int) bool { return slices.Contains(children, pid) })
	})
	if !running(w.ID().PID) {
		t.Error("the worker did not live through it")
	}
}

// TestAStrayThatDoesNotEndDelaysNoOtherBurial: what one pool left behind may
// sleep in the kernel; the deaths of another are told all the same.
func TestAStrayThatDoesNotEndDelaysNoOtherBurial(t *testing.T) {
	stray := func(mark string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), "sleep", "600")
		c.Env = append(os.Environ(), MarkVariable+"="+mark)
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var g graves
	slow := make(chan struct{})
	waiting := make(chan struct{}, burialRounds)
	g.await = func(strays []corpse) {
		waiting <- struct{}{}
		<-slow
		awaitEnds(strays)
	}
	mine := markPrefix + "slow"
	left := stray(mine)
	buried := make(chan struct{})
	go func() {
		defer close(buried)
		g.bury(0, mine)
	}()
	await(t, waiting, "the first burial to wait")
	other := make(chan struct{})
	go func() {
		defer close(other)
		g.bury(0, markPrefix+"other") // finds the same stray, and leaves it
	}()
	await(t, other, "the burial of another pool's")
	if g.sweep() == sweepPause {
		t.Error("a sweep found the burial's lock taken")
	}
	close(slow)
	await(t, buried, "the first burial")
	if len(g.dying) != 0 || running(left.Process.Pid) {
		t.Errorf("the stray is not buried; in the book: %v", g.dying)
	}
	_ = left.Wait()
}

// TestBurialSparesAWorkerThatBearsTheDeadOnesNumber: the dead one was reaped,
// so the system may have given its number to the next.
func TestBurialSparesAWorkerThatBearsTheDeadOnesNumber(t *testing.T) {
	for name, known := range map[string]bool{"known by its number": true, "known by its mark alone": false} {
		t.Run(name, func(t *testing.T) {
			var g graves
			mark := markPrefix + "next"
			next := exec.CommandContext(t.Context(), "sleep", "600")
			next.Env = append(os.Environ(), MarkVariable+"="+mark)
			next.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			g.born(mark)
			if err := next.Start(); err != nil {
				t.Fatal(err)
			}
			if known {
				g.leads(mark, next.Process.Pid)
			}
			g.bury(next.Process.Pid, markPrefix+"dead")
			if !running(next.Process.Pid) {
				t.Error("the burial of a dead worker killed one that lives")
			}
			_ = next.Process.Kill()
			_ = next.Wait()
		})
	}
}

// TestBurialLeavesOtherChildrenAlone: what this process started by itself is
// neither killed nor reaped, whatever group and session it is in.
func TestBurialLeavesOtherChildrenAlone(t *testing.T) {
	var others []*exec.Cmd
	for _, attr := range []*syscall.SysProcAttr{nil, {Setpgid: true}, {Setsid: true}} {
		c := exec.CommandContext(t.Context(), "sleep", "600")
		c.SysProcAttr = attr
		dead := exec.CommandContext(t.Context(), "true")
		dead.SysProcAttr = attr
		if err := errors.Join(c.Start(), dead.Start()); err != nil {
			t.Fatal(err)
		}
		others = append(others, c, dead)
	}
	w, o := readyMini(t)
	ask1(t, w, "daemonize", []any{600})
	w.Kill(ReasonOperator)
	await(t, o.gone, "the death")
	for i, c := range others {
		if i%2 == 0 {
			if !running(c.Process.Pid) {
				t.Errorf("child %d was killed", i)
			}
			_ = c.Process.Kill()
			_ = c.Wait()
		} else if err := c.Wait(); err != nil {
			t.Errorf("the status of child %d was stolen: %v", i, err)
		}
	}
}

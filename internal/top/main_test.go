package top

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// faultVariable makes the test binary a live view whose source panics, for the
// test that looks at the terminal afterwards.
const faultVariable = "MOCHI_PYD_TEST_TOP_FAULT"

func TestMain(m *testing.M) {
	if os.Getenv(faultVariable) != "" {
		if err := Run(context.Background(), faulty{}, os.Stdin, os.Stdout, true); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	status := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(status)
}

// faulty is a Source with a fault of ours.
type faulty struct{ Source }

func (faulty) Look(context.Context) (Snapshot, error) { panic("a fault in the feed") }

func (faulty) Restart(context.Context, Target) (int, error) { panic("a fault in the feed") }

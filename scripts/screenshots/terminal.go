package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// soon bounds the wait for a screen.
const soon = 20 * time.Second

// terminal is a tmux of its own.
type terminal struct{ tmux, dir string }

func openTerminal(ctx context.Context, width, height int, env []string, line string) (*terminal, error) {
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		return nil, errors.New("the pictures are of a terminal, tmux: install it")
	}
	dir, err := os.MkdirTemp("", "mt")
	if err != nil {
		return nil, err
	}
	t := &terminal{tmux, dir}
	cmd := exec.CommandContext(ctx, tmux, "-S", filepath.Join(dir, "s"), "-f", os.DevNull,
		"new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), line)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.close()
		return nil, fmt.Errorf("tmux: %w\n%s", err, out)
	}
	return t, nil
}

func (t *terminal) do(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, t.tmux, append([]string{"-S", filepath.Join(t.dir, "s")}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w\n%s", args[0], err, out)
	}
	return string(out), nil
}

// press sends keys, as tmux names them.
func (t *terminal) press(ctx context.Context, keys ...string) error {
	_, err := t.do(ctx, append([]string{"send-keys"}, keys...)...)
	return err
}

// holds says whether the screen has all of the texts, now.
func (t *terminal) holds(ctx context.Context, texts ...string) (bool, error) {
	screen, err := t.do(ctx, "capture-pane", "-p")
	for _, text := range texts {
		if !strings.Contains(screen, text) {
			return false, err
		}
	}
	return err == nil, err
}

// await waits until the screen has all of the texts at once.
func (t *terminal) await(ctx context.Context, texts ...string) error {
	if rig.Until(soon, func() bool { all, _ := t.holds(ctx, texts...); return all }) {
		return nil
	}
	screen, err := t.do(ctx, "capture-pane", "-p")
	return errors.Join(err, fmt.Errorf("the screen does not show %q:\n%s", texts, screen))
}

// draw makes a picture of the screen.
func (t *terminal) draw(ctx context.Context, path, title string) error {
	screen, err := t.do(ctx, "capture-pane", "-p", "-e", "-N")
	if err != nil {
		return err
	}
	picture := svg(title, screen)
	if err := os.WriteFile(path, []byte(picture), 0o644); err != nil { //nolint:gosec // a picture for everybody
		return err
	}
	fmt.Printf("screenshots: %s, %d bytes\n", path, len(picture))
	return nil
}

// close ends the terminal and what runs in it; nothing is left to be said when
// that has ended already.
func (t *terminal) close() {
	_, _ = t.do(context.Background(), "kill-server")
	_ = os.RemoveAll(t.dir)
}

package acceptance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A step is an instruction of a Dockerfile: what, its flags, and the rest.
type step struct {
	what  string
	flags map[string]string
	rest  string
}

var stepLine = regexp.MustCompile(`^([A-Z]+)\s+(.*)$`)

// dockerfile reads the shipped Dockerfile: a list of steps for each stage.
func dockerfile(t *testing.T) (stages [][]step) {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(shippedFile(t, "Dockerfile"), "")
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		m := stepLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no instruction: %q", line)
		}
		s := step{what: m[1], flags: map[string]string{}, rest: m[2]}
		for strings.HasPrefix(s.rest, "--") {
			flag, rest, _ := strings.Cut(s.rest, " ")
			name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
			s.flags[name], s.rest = value, strings.TrimSpace(rest)
		}
		if s.what == "FROM" {
			stages = append(stages, nil)
		}
		if len(stages) == 0 {
			t.Fatalf("%s before FROM", s.what)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], s)
	}
	return stages
}

// last is the last such step of a stage.
func last(t *testing.T, stage []step, what string) step {
	t.Helper()
	for _, s := range slices.Backward(stage) {
		if s.what == what {
			return s
		}
	}
	t.Fatalf("the Dockerfile has no %s", what)
	return step{}
}

// words are those of a step in the form that no shell reads.
func words(t *testing.T, s step) (list []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(strings.TrimPrefix(s.rest, "CMD ")), &list); err != nil {
		t.Fatalf("%s %s is for a shell, which would be the first process and keep SIGTERM for itself: %v", s.what, s.rest, err)
	}
	return list
}

// TestTheDockerfileIsRightInItself: what a build would stumble on, or a container
// at its first signal, without one.
func TestTheDockerfileIsRightInItself(t *testing.T) {
	stages := dockerfile(t)
	if len(stages) != 2 {
		t.Fatalf("%d stages, want one that builds and one that runs", len(stages))
	}
	known := map[string]bool{}
	for _, stage := range stages {
		base, name, _ := strings.Cut(stage[0].rest, " AS ")
		if _, tag, _ := strings.Cut(base, ":"); tag == "" || tag == "latest" {
			t.Errorf("FROM %s names no version", base)
		}
		known[name] = true
		for _, s := range stage {
			if s.what != "COPY" {
				continue
			}
			from, fields := s.flags["from"], strings.Fields(s.rest)
			if from != "" && !known[from] {
				t.Errorf("COPY --from=%s, which is no stage before", from)
			}
			for _, source := range fields[:len(fields)-1] {
				if _, err := os.Stat(filepath.Join("../..", source)); from == "" && err != nil {
					t.Errorf("COPY %s: %v", s.rest, err)
				}
			}
		}
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
	if !strings.HasPrefix(stages[0][0].rest, "golang:"+wanted+"-") {
		t.Errorf("it builds FROM %s, go.mod wants %s", stages[0][0].rest, wanted)
	}
	final := stages[1]
	if user := last(t, final, "USER").rest; user != "mochi-pyd" {
		t.Errorf("it runs as %s", user)
	}
	if signal := last(t, final, "STOPSIGNAL").rest; signal != "SIGTERM" {
		t.Errorf("STOPSIGNAL %s, and SIGTERM is what drains", signal)
	}
	command := append(words(t, last(t, final, "ENTRYPOINT")), words(t, last(t, final, "CMD"))...)
	if command[0] != "mochi-pyd" || words(t, last(t, final, "HEALTHCHECK"))[0] != "mochi-pyd" {
		t.Errorf("it runs %q", command)
	}
	for _, volume := range words(t, last(t, final, "VOLUME")) {
		if !slices.Contains([]string{path.Dir("/run/mochi-pyd/rpc.sock"), last(t, final, "WORKDIR").rest}, volume) {
			t.Errorf("volume %s is nobody's", volume)
		}
	}
}

// The roots that stand for the images: this machine, which has Go, and the clean
// root, which has a python3 and nothing of ours. Images of others cannot be
// fetched everywhere that the tests run.
const containerScript = `
set -euo pipefail
mount -t tmpfs -o mode=755 tmpfs "$work"
mkdir "$work"/{build,final}{,-upper,-work}
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/build-upper,workdir=$work/build-work" "$work/build"
mount -t overlay overlay -o "lowerdir=$clean,upperdir=$work/final-upper,workdir=$work/final-work" "$work/final"
for root in build final; do
	mount -t proc proc "$work/$root/proc"
	mount --rbind /dev "$work/$root/dev"
done
mount -t tmpfs -o mode=755 tmpfs "$work/final/run"
`

// containerSteps are the commands that do to the roots what a builder would do to
// the images.
func containerSteps(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for i, stage := range dockerfile(t) {
		root := `"$work"/` + []string{"build", "final"}[i]
		dir, user := "/", "root"
		var args []string
		for _, s := range stage {
			switch s.what {
			case "WORKDIR":
				dir = s.rest
				b.WriteString("mkdir -p " + root + dir + "\n")
			case "ARG":
				args = append(args, s.rest)
			case "USER":
				user = s.rest
			case "COPY":
				from := `"$context"/`
				if s.flags["from"] != "" {
					from = `"$work"/` + s.flags["from"]
				}
				fields := strings.Fields(s.rest)
				to := fields[len(fields)-1]
				if !path.IsAbs(to) {
					to = dir + "/" + strings.TrimPrefix(to, ".")
				}
				for _, source := range fields[:len(fields)-1] {
					if source == "." || strings.HasSuffix(source, "/") { // what is in a directory
						b.WriteString("mkdir -p " + root + to + "\n")
						source = strings.TrimSuffix(source, ".") + "."
					}
					b.WriteString("mkdir -p $(dirname " + root + to + ")\n")
					b.WriteString("cp -a --no-preserve=ownership " + from + source + " " + root + to + "\n")
				}
			case "RUN":
				command := "cd " + dir + " && export " + strings.Join(append(args, "STEP=1"), " ") + " && " + s.rest
				b.WriteString("chroot --userspec=" + user + " " + root + " /bin/sh -c '" + strings.ReplaceAll(command, "'", `'\''`) + "'\n")
			}
		}
	}
	return b.String()
}

// TestTheDockerfilesStepsMakeAContainerThatServes runs each of them, over roots
// that stand for the images, and starts the result as a runtime would: alone in
// its process namespace, as its user. It answers, says that it is healthy, and
// drains at its stop signal.
func TestTheDockerfilesStepsMakeAContainerThatServes(t *testing.T) {
	needsRoot(t)
	clean := cleanRoot(t)
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skip("no unshare on PATH: the Dockerfile's steps were not run")
	}
	context := filepath.Join(t.TempDir(), "context")
	if err := copyTree("../..", context); err != nil {
		t.Fatal(err)
	}
	final := dockerfile(t)[1]
	user, dir := last(t, final, "USER").rest, last(t, final, "WORKDIR").rest
	command := append(words(t, last(t, final, "ENTRYPOINT")), words(t, last(t, final, "CMD"))...)
	as := []string{"setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs"}
	script := containerScript + containerSteps(t) + `
printf '[pools.math]\nmodule = "math"\n' >>"$work/final/etc/mochi-pyd/config.toml"
cd "$work/final"
mkdir .machine
pivot_root . .machine
umount -l /.machine
rmdir /.machine
cd ` + dir + `
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ` + strings.Join(append(as, command...), " ") + "\n"
	c := contain(t, script, "work="+t.TempDir(), "context="+context, "clean="+clean)

	h := c.dial(t, "/run/mochi-pyd/rpc.sock")
	if got := call(t, h, "math.sqrt", "[16]"); got != "4.0" {
		t.Errorf("a call to the container gave %s", got)
	}
	if id := c.must(t, "stat", "-c", "%U", "/proc/1"); id != user {
		t.Errorf("the first process is %s's", id)
	}
	c.must(t, append(as, words(t, last(t, final, "HEALTHCHECK"))...)...)
	c.stop(t)
}

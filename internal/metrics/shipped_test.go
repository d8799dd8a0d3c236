package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/version"
)

// shipped is a file of deploy.
func shipped(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// series are the names that can be asked for, with their metric.
func series() map[string]Metric {
	all := map[string]Metric{}
	for _, m := range Catalogue() {
		if m.Type != Histogram {
			all[m.Name] = m
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			all[m.Name+suffix] = m
		}
	}
	return all
}

var (
	// selector is a name in a text, and its matchers, if any.
	selector = regexp.MustCompile(`\b(mochipyd_\w+)(?:\{([^{}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
)

// TestWhatIsShippedNamesOnlyMetricsThatExist: the alerts, their tests and the
// dashboard name metrics that there are, by labels that these have and words
// that these labels can have; and the dashboard shows all metrics.
func TestWhatIsShippedNamesOnlyMetricsThatExist(t *testing.T) {
	exist := series()
	vocabulary := map[string][]string{"state": workerStates, "outcome": outcomes, "reason": stringsOf(startReasons), "level": logLevels}
	for _, file := range []string{"alerts.yml", "alerts_test.yml", "dashboard.json"} {
		text := strings.ReplaceAll(shipped(t, file), `\"`, `"`)
		found := selector.FindAllStringSubmatch(text, -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, match := range found {
			m, known := exist[match[1]]
			if !known {
				t.Errorf("%s names %s, which does not exist", file, match[1])
			}
			for _, label := range matcher.FindAllStringSubmatch(match[2], -1) {
				name, operator, value := label[1], label[2], label[3]
				if !slices.Contains(m.Labels, name) && !slices.Contains([]string{"job", "instance", "le"}, name) {
					t.Errorf("%s asks for %s of %s, which has no such label", file, name, match[1])
				}
				all, closed := vocabulary[name]
				if !closed {
					continue
				}
				words := []string{regexp.QuoteMeta(value)}
				if operator == "=~" || operator == "!~" {
					words = strings.Split(value, "|")
				}
				for _, word := range words {
					if whole := regexp.MustCompile("^(?:" + word + ")$"); !slices.ContainsFunc(all, whole.MatchString) {
						t.Errorf("%s asks for %s=%q of %s, which never is", file, name, word, match[1])
					}
				}
			}
		}
	}
	text := shipped(t, "dashboard.json")
	for _, m := range Catalogue() {
		if !strings.Contains(text, m.Name) {
			t.Errorf("the dashboard does not show %s", m.Name)
		}
	}
}

// TestTheDashboardIsOne: JSON, with panels of their own ids that do not lie over
// each other.
func TestTheDashboardIsOne(t *testing.T) {
	var board struct {
		UID    string `json:"uid"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(shipped(t, "dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, is := taken[[2]int{x, y}]; is {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	if board.UID == "" || len(board.Panels) < 10 {
		t.Errorf("%q has %d panels", board.UID, len(board.Panels))
	}
}

// promtool runs Prometheus's own tool; make fetches it.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	tool := os.Getenv("MOCHI_PYD_TEST_PROMTOOL")
	if _, err := exec.LookPath(tool); err != nil {
		if tool, err = exec.LookPath("promtool"); err != nil {
			t.Skip("promtool is not installed and could not be fetched: the alerts and the exposition are not evaluated with it")
		}
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestTheAlertsFireWhereTheyShould(t *testing.T) {
	promtool(t, "", "check", "rules", "../../deploy/alerts.yml")
	promtool(t, "", "test", "rules", "../../deploy/alerts_test.yml")
	alert := regexp.MustCompile(`(?m)^\s*- alert: (\w+)$`)
	tests := shipped(t, "alerts_test.yml")
	for _, match := range alert.FindAllStringSubmatch(shipped(t, "alerts.yml"), -1) {
		parts := strings.Split(tests, "- alertname: "+match[1]+"\n")
		fires := slices.ContainsFunc(parts[1:], func(s string) bool { return !silent(s) })
		rests := slices.ContainsFunc(parts[1:], silent)
		if !fires || !rests {
			t.Errorf("%s has no case in which it fires, or none in which it does not", match[1])
		}
	}
}

// TestTheDashboardAsksInPromQL: each panel's question, as a rule that promtool
// parses.
func TestTheDashboardAsksInPromQL(t *testing.T) {
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(shipped(t, "dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*", "$pool", ".*")
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			rules = append(rules, rule{fmt.Sprint("panel:", len(rules)), variables.Replace(target.Expr)})
		}
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}}) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
}

// silent says that the case which s begins expects no alert.
func silent(s string) bool {
	_, after, _ := strings.Cut(s, "exp_alerts:")
	return strings.HasPrefix(after, " []")
}

// TestPrometheusTakesTheExposition, read by its own parser and judged by its own
// linter.
func TestPrometheusTakesTheExposition(t *testing.T) {
	m, see := busy()
	_, body := served(t, m, see)("/metrics")
	promtool(t, body, "check", "metrics")
	m = New(version.Of("a \"version\"\\with\nlines"))
	m.Open("a pool \"with\" quotes")
	_, body = served(t, m, func() Look { return Look{} })("/metrics")
	promtool(t, body, "check", "metrics")
}

// TestThePageListsEachMetric: deploy/METRICS.md holds the catalogue's table, and
// no other name.
func TestThePageListsEachMetric(t *testing.T) {
	page := shipped(t, "METRICS.md")
	var rows strings.Builder
	for _, m := range Catalogue() {
		labels := "none"
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "` `") + "`"
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, labels, m.Help)
	}
	if !strings.Contains(page, rows.String()) {
		t.Errorf("METRICS.md wants this table:\n%s", rows.String())
	}
	exist := series()
	for _, match := range selector.FindAllStringSubmatch(page, -1) {
		m, isSeries := exist[match[1]]
		if _, histogram := exist[match[1]+"_count"]; !isSeries && !histogram {
			t.Errorf("METRICS.md names %s (%v), which does not exist", match[1], m.Type)
		}
	}
	for _, word := range slices.Concat(outcomes, stringsOf(startReasons), workerStates, logLevels) {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("METRICS.md does not say that a label can be %s", word)
		}
	}
}

package daemon

import (
	"fmt"
	"strings"

	"github.com/mochilang/mochi-pyd/pool"
)

// maxNames bounds the pools that one line names.
const maxNames = 10

// summary is the daemon in one line, for "systemctl status": how many workers
// there are, and the declared pools that are broken.
func (r *registry) summary() string {
	var broken []string
	pools, ready, desired := 0, 0, 0
	for _, s := range r.now.Load().all {
		st := s.pool.Stat()
		pools, ready, desired = pools+1, ready+st.Ready, desired+st.Desired
		if s.settings().Declared && failed(st) {
			broken = append(broken, s.settings().Name)
		}
	}
	text := fmt.Sprintf("serving: pools %d, workers ready %d of %d", pools, ready, desired)
	if len(broken) > 0 {
		text += "; broken: " + names(broken)
	}
	return text
}

// importing names the declared pools that are not there yet.
func (r *registry) importing() string {
	var opening []string
	for _, s := range r.now.Load().all {
		if st := s.pool.Stat(); st.Status == pool.Opening && !failed(st) {
			opening = append(opening, s.settings().Name)
		}
	}
	return "importing: " + names(opening)
}

func names(all []string) string {
	if more := len(all) - maxNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxNames], ", "), more)
	}
	return strings.Join(all, ", ")
}

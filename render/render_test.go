package render

import (
	"strings"
	"testing"
)

func TestSyncWorkerNeverMentionsAsyncio(t *testing.T) {
	s, err := RenderWorker(WorkerOptions{ModuleImport: "from m import f, g", Methods: []string{"f", "g"}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.Source, "asyncio") {
		t.Errorf("asyncio costs 25 ms of start-up, and a sync worker pays for it:\n%s", s.Source)
	}
}

package version

import "testing"

func TestTheStampedVersionWinsAndNoneIsNamed(t *testing.T) {
	if got := Of("v1.2.3").Version; got != "v1.2.3" {
		t.Errorf("got %q", got)
	}
	if got := Of(""); got.Version == "" || got.Go == "" || got.Platform == "" {
		t.Errorf("got %+v", got)
	}
}

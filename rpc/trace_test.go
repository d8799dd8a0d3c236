package rpc

import "testing"

func TestATraceIsReadFromATraceparentAndFromNothingElse(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for parent, want := range map[string]string{
		"00-" + trace + "-" + span + "-01":                    trace,
		"cc-" + trace + "-" + span + "-01":                    trace, // a version to come
		"cc-" + trace + "-" + span + "-01-more":               trace,
		"cc-" + trace + "-" + span + "-01more":                "",
		"00-" + trace + "-" + span + "-01-more":               "",
		"ff-" + trace + "-" + span + "-01":                    "",
		"00-00000000000000000000000000000000-" + span + "-01": "",
		"00-" + trace + "-0000000000000000-01":                "",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" + span + "-01": "",
		"00-" + trace + "-" + span + "-0":                     "",
		"00-" + trace + "-" + span + "-0x":                    "",
		"00_" + trace + "-" + span + "-01":                    "",
		"00-" + trace[:31] + "\n-" + span + "-01":             "",
		"": "", "t": "",
	} {
		if got := TraceID(parent); got != want {
			t.Errorf("TraceID(%q) is %q, want %q", parent, got, want)
		}
	}
}

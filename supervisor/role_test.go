package supervisor

import "os"

// roleVariable makes the test binary play another process of a test.
const roleVariable = "MOCHI_PYD_TEST_ROLE"

func playRole(role string) int {
	_, _ = os.Stderr.WriteString("no role " + role + "\n")
	return 2
}

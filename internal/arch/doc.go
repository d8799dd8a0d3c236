// Package arch holds no code, only tests: they keep the walls of the house.
// Which package may import which is decided by its floor (arrows run down
// only), and each rule's failure says why the rule exists, so that whoever
// meets it can argue with the reason and not with the test.
package arch

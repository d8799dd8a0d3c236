// Package acceptance holds no code, only tests: what a user was promised, tried
// on the real program with a real python3 over real sockets, one named test for
// each promise. They know what a user knows and nothing else, so they outlive
// every change inside.
//
// The times they hold the program to are the promised ones. A machine that is
// busy with something else may miss one, so a time is missed when three tries
// in a row miss it.
package acceptance

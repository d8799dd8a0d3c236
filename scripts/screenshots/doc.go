// Command screenshots makes the README's pictures: it starts the real program on
// sockets of its own, gives it a minute of work that looks like a shop's (many
// short calls that wait, some that compute, a few long ones, a crash and an
// exit), and draws what mochi-pyd top, status and ps then show in a terminal,
// tmux, as SVG, at a moment when each pool is at work. The figures differ from run
// to run, the picture does not, and the version in it is nobody's.
//
// It draws the SVG itself: what a terminal shows is characters in a grid and
// sixteen colours, and a picture that is text stays sharp and small.
package main

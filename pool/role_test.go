package pool

import "testing"

func TestASpareThatServesInItsOwnRoomMakesItNoSparesRoom(t *testing.T) {
	p := &Pool{rooms: []*room{{}, {spare: true}}}
	p.change(&member{slot: 1}, p.rooms[0])
	if !p.rooms[0].spare || p.rooms[1].spare {
		t.Fatalf("room 0 spare: %t, room 1: %t", p.rooms[0].spare, p.rooms[1].spare)
	}
	// The successor of the one that was promoted, which drains and ends.
	p.change(&member{slot: 1}, p.rooms[1])
	if p.rooms[1].spare {
		t.Fatal("nobody's room serves any more")
	}
}

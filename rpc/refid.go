package rpc

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// RefPlace is the one worker that a handle lives on: a pool's number, a slot in
// it, and which of the slot's workers. It is the first part of a handle's id,
// "p1.w3.g2" of "p1.w3.g2.17", so a daemon finds an object without a table.
type RefPlace struct{ Pool, Slot, Gen int }

// String is the part of an id that names the place.
func (p RefPlace) String() string {
	return "p" + strconv.Itoa(p.Pool) + ".w" + strconv.Itoa(p.Slot) + ".g" + strconv.Itoa(p.Gen)
}

// PlaceOf reads a handle's id; false when it is none. Whether there is such a
// handle only its worker knows.
func PlaceOf(id string) (p RefPlace, ok bool) {
	parts := strings.Split(id, ".")
	if len(parts) != 4 {
		return p, false
	}
	for i, part := range []struct {
		letter string
		number *int
	}{{"p", &p.Pool}, {"w", &p.Slot}, {"g", &p.Gen}} {
		digits, found := strings.CutPrefix(parts[i], part.letter)
		n, plain := LinkID([]byte(digits))
		if !found || !plain || n > maxPlace {
			return RefPlace{}, false
		}
		*part.number = int(n)
	}
	_, ok = LinkID([]byte(parts[3]))
	return p, ok
}

// maxPlace keeps a place's numbers inside an int of any size.
const maxPlace = 1<<31 - 1

// refMember is what bytes must hold for there to be a handle in them.
var refMember = []byte(`"$ref"`)

// HoldsRefs says that there may be handles in a raw JSON value of the tagged
// encoding: cheap, and nearly always false.
func HoldsRefs(raw []byte) bool { return bytes.Contains(raw, refMember) }

// EachRef calls do with the id of every handle in a raw JSON value of the tagged
// encoding, {"$ref":{"id":…}} at any depth, until do says false. There a member
// of that name means nothing else: a dict's own key is escaped. What is no id is
// given as "".
func EachRef(raw []byte, do func(id string) bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), readOptions...)
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return // the end: the scanner has proved it to be JSON
		}
		if token.Kind() != jsontext.KindString || token.String() != "$ref" {
			continue
		}
		if kind, n := dec.StackIndex(dec.StackDepth()); kind != jsontext.KindBeginObject || n%2 == 0 {
			continue // a string, or a member's value
		}
		value, err := dec.ReadValue()
		if err != nil {
			return
		}
		if !do(refID(value)) {
			return
		}
	}
}

// refID is the id in a handle's object.
func refID(object []byte) (id string) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(object), readOptions...)
	if token, err := dec.ReadToken(); err != nil || token.Kind() != jsontext.KindBeginObject {
		return ""
	}
	for dec.PeekKind() == jsontext.KindString {
		name, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return ""
		}
		if key == "id" {
			id, _ = text(value)
		}
	}
	return id
}

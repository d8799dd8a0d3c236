package rpc

// referAt is the size from which a part of a line is queued as the slice it is
// and not copied.
const referAt = 64 << 10

// outbox is what waits to be written, in order. Small lines are gathered in one
// buffer, which is borrowed while there are any: an idle connection keeps none.
// Long parts stay the slices they are.
type outbox struct {
	parts [][]byte
	small *[]byte // behind parts; nil: none
	size  int
}

// add copies b behind what waits.
func (o *outbox) add(b []byte) {
	if len(b) == 0 {
		return
	}
	if o.small == nil {
		o.small = borrowLine()
		*o.small = (*o.small)[:0]
	}
	*o.small = append(*o.small, b...)
	o.size += len(b)
}

// refer queues b itself, which nobody may write to any more.
func (o *outbox) refer(b []byte) {
	if len(b) < referAt {
		o.add(b)
		return
	}
	if o.small != nil {
		o.parts = append(o.parts, *o.small)
		o.small = nil
	}
	o.parts = append(o.parts, b)
	o.size += len(b)
}

// take empties the outbox.
func (o *outbox) take() [][]byte {
	parts := o.parts
	if o.small != nil {
		parts = append(parts, *o.small)
	}
	*o = outbox{}
	return parts
}

// wrote forgets the first n bytes of an outbox that holds small lines only.
func (o *outbox) wrote(n int) {
	if o.size -= n; o.size > 0 {
		*o.small = append((*o.small)[:0], (*o.small)[n:]...)
		return
	}
	returnLine(o.small)
	o.small = nil
}

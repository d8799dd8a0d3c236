package rpc

import "strings"

// Check says what is wrong with a call that was made in this process: its params
// and meta go to a worker as the bytes they are, and a line that is no JSON, or
// two lines, would cost the calls beside it their worker. Those that came by a
// connection were checked where they were read, and cost nothing here.
func (c *Call) Check(maxMessage int) *Error {
	if c.Conn != nil {
		return nil
	}
	if size := len(c.Function) + len(c.Params) + len(c.RawMeta); size > maxMessage-checkRoom {
		return tooLarge(size+checkRoom, maxMessage)
	}
	if bad := checkMember("params", c.Params, "[{"); bad != nil {
		return bad
	}
	if bad := checkMember("meta", c.RawMeta, "{"); bad != nil {
		return bad
	}
	return c.prepare(false)
}

// checkRoom is what a worker's line holds beside params, meta and the name.
const checkRoom = 128

// checkMember says what is wrong with a member that is to be JSON and to begin
// with one of the given characters; an empty one is absent.
func checkMember(name string, raw []byte, begins string) *Error {
	if len(raw) == 0 {
		return nil
	}
	s, err := newScanner(raw)
	if err != nil {
		return Errorf(KindInvalidRequest, "the call's %s cannot be sent: %v", name, err)
	}
	defer s.release()
	value, err := s.value()
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return Errorf(KindInvalidRequest, "the call's %s cannot be sent: %v", name, notJSON(err))
	}
	if strings.IndexByte(begins, value[0]) >= 0 {
		return nil
	}
	if name == "params" {
		return errParamsType
	}
	return badMeta(name, "an object")
}
